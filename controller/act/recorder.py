"""Tells people what happened, as Events, without anybody's work waiting for it or failing over it.

client-go's recorders do the same: an Event is a courtesy. A namespace that is going refuses it, a quota may,
and neither is a reason to leave a database half reconciled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from controller.kube.answers import Conflict, KubeError, Unavailable
from controller.report.events import Series, Type, event, repeated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from controller.kube.client import Kube

logger = logging.getLogger(__name__)

Manifest: TypeAlias = dict[str, Any]

MOST_WAITING = 1000
"""Events that may wait to be sent, at about a kilobyte each; what is told beyond them is lost."""
_PAUSES = (1.0, 5.0, 15.0)
"""Seconds before each further attempt while the API server does not answer."""


class Recorder:
    """A bounded queue of Events, and the one who sends them in the order in which they were told."""

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

    def tell(self, regarding: Mapping[str, Any], kind: Type, reason: str, message: str) -> None:
        """Tell people who look at an object that something happened; returns at once."""
        try:
            self._waiting.put_nowait(event(regarding, kind, reason, message, self._now()))
        except asyncio.QueueFull:
            self._lost += 1

    async def run(self) -> None:
        """Send for ever; raises LeadershipLost: whoever may not act tells nothing."""
        while True:
            told = await self._waiting.get()
            try:
                await self._deliver(told)
            finally:
                self._waiting.task_done()
            if self._lost:
                logger.warning("Dropped events, the queue was full events=%d", self._lost)
                self._lost = 0

    async def drain(self, patience: float) -> None:
        """Wait so many seconds at most for what was told to be sent."""
        try:
            async with asyncio.timeout(patience):
                await self._waiting.join()
        except TimeoutError:
            logger.warning("Gave up on events at shutdown events=%d", self._waiting.qsize())

    async def _deliver(self, told: Manifest) -> None:
        """Send one event; what is refused is logged, and an API server that is away is tried again."""
        for pause in (*_PAUSES, None):
            try:
                await self._send(told)
            except Unavailable as error:
                if pause is None:
                    _give_up(told, error)
                else:
                    await self._sleep(pause)
            except KubeError as error:
                _give_up(told, error)
                return
            else:
                return

    async def _send(self, told: Manifest) -> None:
        """Create it; the same words again become one more in its series, not another object."""
        namespace, name = told["metadata"]["namespace"], told["metadata"]["name"]
        try:
            await self._kube.create(told)
        except Conflict:
            series = repeated(self._series.next(name), told["eventTime"])
            await self._kube.patch("Event", namespace, name, series)


def _give_up(told: Manifest, error: KubeError) -> None:
    regarding = told["regarding"]
    about = f"{regarding['namespace']}/{regarding['name']}"
    logger.warning("Could not send an event about=%s reason=%s error=%r", about, told["reason"], str(error))
