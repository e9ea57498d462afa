"""Workers that take keys from the queue, a fixed number at once, until they are stopped."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeAlias, assert_never

from controller.kube.answers import KubeError
from controller.kube.leader import LeadershipLost
from controller.plan.outcome import Done, Outcome, Stalled, Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.health import Heartbeat
    from controller.kube.objects import Key
    from controller.metrics import Metrics
    from controller.watches.queue import KeyedQueue, Work

logger = logging.getLogger(__name__)

Reconcile: TypeAlias = "Callable[[Work[Key]], Awaitable[Outcome]]"


class Workers:
    """Reconciles keys, up to `count` at once; whatever one of them raises is retried later."""

    def __init__(
        self,
        queue: KeyedQueue[Key],
        reconcile: Reconcile,
        *,
        count: int,
        metrics: Metrics,
        heartbeat: Heartbeat,
        clock: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._count = count
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._clock = clock
        self._stopping = False
        self._idle: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Work until stopped; raises LeadershipLost when this process may no longer act."""
        self._tasks = [asyncio.create_task(self._work(), name=f"worker {n}") for n in range(self._count)]
        try:
            await asyncio.gather(*self._tasks)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            for task in self._tasks:
                task.cancel()

    async def stop(self, grace_period: float) -> None:
        """Start no more reconciles, and wait up to `grace_period` seconds for the running ones."""
        self._stopping = True
        for task in list(self._idle):
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_period)
            for task in late:
                logger.warning("Abandoned a reconcile at shutdown task=%s", task.get_name())
                task.cancel()

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - a coroutine of create_task
        while not self._stopping:
            self._idle.add(me)
            try:
                work = await self._queue.get()
            except asyncio.CancelledError:
                if self._stopping:
                    return
                raise
            finally:
                self._idle.discard(me)
            await self._one(work)

    async def _one(self, work: Work[Key]) -> None:
        self._heartbeat.beat()
        started, result = self._clock(), "failed"
        try:
            result = self._settle(work.key, await self._reconcile(work))
        except LeadershipLost:
            raise
        except KubeError as error:
            self._failed(work.key, f"{type(error).__name__}: {error}")
        except Exception as error:
            # The edge of the process: a bug that one object brings to light must not harm its neighbours.
            logger.exception("Failed to reconcile database=%s", work.key)
            self._failed(work.key, type(error).__name__)
        finally:
            self._queue.done(work.key)
            self._metrics.reconciled(result, self._clock() - started)
            self._heartbeat.beat()

    def _settle(self, key: Key, outcome: Outcome) -> str:
        self._queue.forget(key)
        match outcome:
            case Done():
                result = "done"
            case Waiting():
                result = "waiting"
            case Stalled():
                result = "stalled"
            case _:
                assert_never(outcome)
        if outcome.after is not None:
            self._queue.add_after(key, outcome.after)
        return result

    def _failed(self, key: Key, why: str) -> None:
        wait = self._queue.retry(key)
        logger.warning("Will try again database=%s seconds=%.1f error=%r", key, wait, why)
