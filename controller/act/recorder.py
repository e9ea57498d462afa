"""Sends Events in the background; no reconcile waits for them, or fails because of them.

client-go's recorders do the same. A terminating namespace rejects Events, and a quota may; neither is a
reason to leave a database half reconciled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from controller.kube.answers import Conflict, KubeError, Unavailable
from controller.kube.objects import Manifest
from controller.report.events import Series, event, repeated
from schemas.reasons.reason import Type

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from controller.kube.client import Kube

logger = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Length of the queue, at about a kilobyte an event; further events are dropped."""
_PAUSES = (1.0, 5.0, 15.0)
"""Seconds before each further attempt while the API server does not answer."""


class Recorder:
    """A bounded queue of Events and its sender, which keeps their order."""

    def __init__(
        self,
        kube: Kube,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kube = kube
        self._now = now
        self._sleep = sleep
        self._series = Series()
        self._waiting: asyncio.Queue[Manifest] = asyncio.Queue(MOST_WAITING)
        self._lost = 0

    def record(self, regarding: Mapping[str, Any], kind: Type, reason: str, message: str) -> None:
        """Queue an Event about an object; returns at once."""
        try:
            self._waiting.put_nowait(event(regarding, kind, reason, message, self._now()))
        except asyncio.QueueFull:
            self._lost += 1

    async def run(self) -> None:
        """Send events until cancelled; raises LeadershipLost, because only the leader may send."""
        while True:
            manifest = await self._waiting.get()
            try:
                await self._deliver(manifest)
            finally:
                self._waiting.task_done()
            if self._lost:
                logger.warning("Dropped events, the queue was full events=%d", self._lost)
                self._lost = 0

    async def drain(self, grace_period: float) -> None:
        """Wait up to `grace_period` seconds until the queue is sent."""
        try:
            async with asyncio.timeout(grace_period):
                await self._waiting.join()
        except TimeoutError:
            logger.warning("Gave up on events at shutdown events=%d", self._waiting.qsize())

    async def _deliver(self, manifest: Manifest) -> None:
        """Send one event; a refusal is logged, an unavailable API server is tried again."""
        for pause in (*_PAUSES, None):
            try:
                await self._send(manifest)
            except Unavailable as error:
                if pause is None:
                    _give_up(manifest, error)
                else:
                    await self._sleep(pause)
            except KubeError as error:
                _give_up(manifest, error)
                return
            else:
                return

    async def _send(self, manifest: Manifest) -> None:
        """Create the event; an identical one that exists gets a higher count in its series instead."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        try:
            await self._kube.create(manifest)
        except Conflict:
            series = repeated(self._series.next(name), manifest["eventTime"])
            await self._kube.patch("Event", namespace, name, series)


def _give_up(manifest: Manifest, error: KubeError) -> None:
    regarding = manifest["regarding"]
    about = f"{regarding['namespace']}/{regarding['name']}"
    logger.warning(
        "Could not send an event about=%s reason=%s error=%r", about, manifest["reason"], str(error)
    )
