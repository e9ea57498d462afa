"""Checks Secrets in turn, because the controller has no permission to list or watch them.

A deleted one is noticed at once (desired/secrets_watch.py); this is for one that somebody edited, and for the
copy of the keys. The check uses a fixed number of reads a minute, whatever the number of databases: with one,
each of its Secrets is read every 34 seconds; with three hundred, every three hours.
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
"""Seconds between two databases."""


class SecretCheck:
    """Puts one database after another on the queue, with a reason."""

    def __init__(
        self,
        cache: Cache,
        queue: KeyedQueue[Key],
        *,
        why: str,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._why = why
        self._random = random
        self._sleep = sleep
        self._round: list[Key] = []

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await self._sleep(PERIOD * (0.9 + 0.2 * self._random()))
            key = self.next()
            if key is not None:
                self._queue.add(key, self._why)

    def next(self) -> Key | None:
        """Return the next database: each one comes once before any comes twice."""
        while self._round:
            key = self._round.pop()
            if self._cache.holds(key):
                return key
        self._round = sorted(self._cache.keys(), reverse=True)
        return self._round.pop() if self._round else None
