"""The keyed queue: coalesces, delays, backs off, and never hands out one key twice at once."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")

FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Work(Generic[K]):
    """A key that is due, with all reasons that were given since it was last handed out."""

    key: K
    reasons: frozenset[str]


class KeyedQueue(Generic[K]):
    """Keys in the order in which they came due.

    `clock` gives monotonic seconds, `random` a number in [0, 1) for the jitter. A key that is added while
    it is being worked on is handed out once more after `done`. `len` counts the keys that are due now.
    """

    def __init__(self, *, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._due: dict[K, set[str]] = {}
        self._running: set[K] = set()
        self._deadlines: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def running(self) -> int:
        """How many keys are being worked on."""
        return len(self._running)

    @property
    def failing(self) -> int:
        """How many keys failed when they were worked on last."""
        return len(self._failures)

    def add(self, key: K, why: str = "") -> None:
        """Make a key due now; the reasons are kept until it is handed out."""
        reasons = self._due.setdefault(key, set())
        if why:
            reasons.add(why)
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Make a key due later; the earlier of two deadlines counts, and handing it out forgets both."""
        if seconds <= 0:
            self.add(key)
            return
        deadline = self._clock() + seconds
        if deadline < self._deadlines.get(key, float("inf")):
            self._deadlines[key] = deadline
            heapq.heappush(self._heap, (deadline, next(self._order), key))
            self._wake.set()

    def retry(self, key: K) -> float:
        """Make a key due after a wait that doubles each time, and return that wait in seconds.

        The jitter of a quarter keeps keys that failed together from coming back together.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        wait = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures, 30), LONGEST_RETRY_SECONDS)
        wait *= 0.75 + 0.5 * self._random()
        self.add_after(key, wait)
        return wait

    def forget(self, key: K) -> None:
        """Forget that a key ever failed."""
        self._failures.pop(key, None)

    def done(self, key: K) -> None:
        """Record that the work on a key has ended."""
        self._running.discard(key)
        if key in self._due:
            self._wake.set()

    async def get(self) -> Work[K]:
        """Wait for a key that is due and not being worked on."""
        while True:
            work = self.pop()
            if work is not None:
                return work
            self._wake.clear()
            await self._sleep()

    def pop(self) -> Work[K] | None:
        """Return a key that is due and not being worked on, or None."""
        self._promote()
        key = next((key for key in self._due if key not in self._running), None)
        if key is None:
            return None
        self._running.add(key)
        self._deadlines.pop(key, None)  # this run decides anew when to look again
        work = Work(key, frozenset(self._due.pop(key)))
        if self._due:
            self._wake.set()
        return work

    def next_deadline(self) -> float | None:
        """Return when the next delayed key comes due, by the clock."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def _promote(self) -> None:
        now = self._clock()
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            key = heapq.heappop(self._heap)[2]
            del self._deadlines[key]
            self._due.setdefault(key, set())

    def _drop_stale(self) -> None:
        """Drop heap entries that an earlier deadline, or handing the key out, has replaced."""
        while self._heap and self._deadlines.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    async def _sleep(self) -> None:
        deadline = self.next_deadline()
        timeout = None if deadline is None else max(0.0, deadline - self._clock())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return
