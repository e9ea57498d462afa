"""Checks Secrets in turn, because the controller has no permission to list or watch them.

A deleted one is noticed at once (desired/secrets_watch.py); this is for one that somebody edited, and for the
copy of the keys. The check uses a fixed number of reads a minute, whatever the number of databases and roles:
with one database, each of its Secrets is read every 34 seconds; with three hundred, every three hours.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.kube.objects import Key
    from controller.watches.cache import Cache
    from controller.watches.queue import KeyedQueue

READS_A_MINUTE = 16
READS_EACH = 9
"""Five Secrets and two of backups, the copy of the keys, and the ConfigMap of a planned failover; those of
backups and this one may not be there."""

PERIOD = 60.0 * READS_EACH / READS_A_MINUTE
"""Seconds after a database without roles of its own."""


class SecretCheck:
    """Puts one database after another on the queue, with a reason; `more` Secrets of one take more time."""

    def __init__(
        self,
        cache: Cache,
        queue: KeyedQueue[Key],
        *,
        why: str,
        more: Callable[[Key], int] = lambda _: 0,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._why = why
        self._more = more
        self._random = random
        self._sleep = sleep
        self._round: list[Key] = []

    async def run(self) -> None:
        """Check until cancelled."""
        seconds = PERIOD
        while True:
            await self._sleep(seconds * (0.9 + 0.2 * self._random()))
            key, seconds = self.next(), PERIOD
            if key is not None:
                self._queue.add(key, self._why)
                seconds += 60.0 * self._more(key) / READS_A_MINUTE

    def next(self) -> Key | None:
        """Return the next database: each one comes once before any comes twice."""
        while self._round:
            key = self._round.pop()
            if self._cache.holds(key):
                return key
        self._round = sorted(self._cache.keys(), reverse=True)
        return self._round.pop() if self._round else None
