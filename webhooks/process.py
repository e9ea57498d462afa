"""One admission server process: startup, background tasks, and graceful shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import TYPE_CHECKING

from schemas import admit
from schemas.api import types
from schemas.processes import Address
from webhooks import server
from webhooks.app import Application
from webhooks.clients import Clients
from webhooks.log import line
from webhooks.metrics import Metrics
from webhooks.probes import Probes
from webhooks.tls import ServingPair

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from schemas.policy.file import PolicyFile
    from webhooks.settings import Settings

POLL_SECONDS = 1.0
"""How often the mounted files are looked at: kubelet itself takes up to a minute to change them."""

_log = logging.getLogger(__name__)


class Process:
    """One run of the admission server."""

    def __init__(self, settings: Settings, policy: PolicyFile, *, now: Callable[[], datetime]) -> None:
        """Open the listening sockets, so that a taken port ends the process here; raises OSError."""
        self._settings = settings
        self._policy = policy
        self._metrics = Metrics()
        self._pair = ServingPair(
            settings.tls_dir,
            clients=settings.client_ca,
            counted=lambda result: self._metrics.pair_loads.labels(result).inc(),
            ends=self._metrics.certificate.set,
        )
        self._app = Application(
            policy=lambda: policy.current,
            now=now,
            metrics=self._metrics,
            deadline=settings.deadline,
            clients=settings.client_names,
        )
        self._sockets = server.listen(settings.listen), server.listen(settings.metrics_listen)
        self._stopping = asyncio.Event()
        self._aborted = asyncio.Event()

    def stop(self) -> None:
        """Begin to drain; the second call ends the process at once. For signal handlers."""
        if self._stopping.is_set():
            self._aborted.set()
        self._stopping.set()

    async def run(self) -> int:
        """Serve until stopped; return the exit code."""
        settings = self._settings
        reviews = server.reviews(
            self._app,
            self._sockets[0],
            self._pair.context,
            Clients(dropped=lambda what: self._metrics.dropped.labels(what).inc()),
            deadline=settings.deadline,
            drain=settings.drain,
        )
        probes = server.probes(Probes(unready=self._unready, metrics=self._metrics), self._sockets[1])
        self._pair.refresh()
        self._warm_up()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(reviews.run_until_stopped())
            probing = tasks.create_task(probes.run_until_stopped())
            watching = tasks.create_task(self._watch())
            self._log_start()
            await self._stopping.wait()
            aborting = tasks.create_task(self._abort(reviews))
            await self._drain(reviews, serving)
            probes.should_exit = True
            await probing
            watching.cancel()
            aborting.cancel()
        _log.info(line("Ended", hurried=str(self._aborted.is_set()).lower()))
        return 1 if self._aborted.is_set() else 0

    def _warm_up(self) -> None:
        """Validate an object with a structural mistake, so that lazy imports delay no real review."""
        manifest = {
            "apiVersion": types.API_VERSION,
            "kind": types.KIND,
            "metadata": {},
            "spec": {"replicas": "1"},
        }
        admit.admit(manifest, None, policy=self._policy.current, now=self._app.now())

    async def _drain(self, reviews: server.Server, serving: asyncio.Task[None]) -> None:
        """Close every connection with its next answer, and accept others until the endpoint is removed.

        The API server cannot repeat a call when an idle connection ends under it: each is to be used up.
        """
        self._app.closing = True
        self._metrics.draining.set(1)
        _log.info(line("Began to drain", seconds=self._settings.drain))
        try:
            async with asyncio.timeout(self._settings.drain):
                await self._aborted.wait()
        except TimeoutError:
            pass
        reviews.should_exit = True
        await serving

    async def _abort(self, reviews: server.Server) -> None:
        await self._aborted.wait()
        reviews.abort()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self._pair.refresh()
            self._policy.refresh()

    def _unready(self) -> str:
        if self._stopping.is_set():
            return "draining"
        return "" if self._pair.loaded else "no serving pair yet"

    def _log_start(self) -> None:
        # The objects loaded so far are never freed: exclude them from garbage collection.
        gc.collect()
        gc.freeze()
        listening = [Address(*each.getsockname()[:2]) for each in self._sockets]
        _log.info(line("Started", reviews=listening[0], probes=listening[1]))
