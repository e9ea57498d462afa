"""Checks Secrets in turn, because the controller has no permission to list or watch them.

The patrol uses a fixed number of reads a minute, whatever the number of databases: with one database, each of
its Secrets is read every 23 seconds; with three hundred, every two hours.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.kube.objects import Key
    from controller.watches.queue import KeyedQueue
    from controller.watches.store import Store

READS_A_MINUTE = 16
READS_EACH = 6
"""Five Secrets, and the ConfigMap of a planned failover: Patroni has none as long as there is none."""

PERIOD = 60.0 * READS_EACH / READS_A_MINUTE
"""Seconds between two databases."""


class SecretPatrol:
    """Puts one database after another on the queue, with a reason."""

    def __init__(
        self,
        store: Store,
        queue: KeyedQueue[Key],
        *,
        why: str,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._queue = queue
        self._why = why
        self._random = random
        self._sleep = sleep
        self._round: list[Key] = []

    async def run(self) -> None:
        """Patrol until cancelled."""
        while True:
            await self._sleep(PERIOD * (0.9 + 0.2 * self._random()))
            key = self.next()
            if key is not None:
                self._queue.add(key, self._why)

    def next(self) -> Key | None:
        """Return the next database: each one comes once before any comes twice."""
        while self._round:
            key = self._round.pop()
            if self._store.holds(key):
                return key
        self._round = sorted(self._store.keys(), reverse=True)
        return self._round.pop() if self._round else None
