"""The HTTP endpoints for the kubelet and Prometheus: liveness, readiness, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from controller.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.metrics import Metrics
    from schemas.processes import Address

PROGRESS_SECONDS = 120.0
"""Seconds without progress, while there is work, after which the process counts as dead.

Longer than the longest request takes.
"""


class Heartbeat:
    """Shows progress: `beat` is called at the start and end of a reconcile, and for each API answer."""

    def __init__(self, clock: Callable[[], float], busy: Callable[[], bool]) -> None:
        self._clock = clock
        self._busy = busy
        self._last = clock()

    def beat(self) -> None:
        """Record progress."""
        self._last = self._clock()

    def alive(self) -> bool:
        """Whether there was progress within PROGRESS_SECONDS, or there is no work."""
        if not self._busy():
            self._last = self._clock()
        return self._clock() - self._last < PROGRESS_SECONDS


class Health:
    """The HTTP server for probes and metrics; an answer also shows that the event loop is not blocked."""

    def __init__(self, heartbeat: Heartbeat, metrics: Metrics, ready: Callable[[], bool]) -> None:
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self, address: Address) -> int:
        """Listen; return the port. Raises OSError when the address is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._page)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, address.host or None, address.port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self._heartbeat.alive(), "no progress, though there is work")

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._ready(), "the caches are not filled")

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _answer(good: bool, otherwise: str) -> web.Response:  # noqa: FBT001
    return web.Response(text="ok\n") if good else web.Response(status=503, text=f"{otherwise}\n")
