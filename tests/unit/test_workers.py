from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from controller.health import PROGRESS_SECONDS, Heartbeat
from controller.kube.answers import Unavailable
from controller.kube.leader import LeadershipLost
from controller.kube.objects import Key
from controller.metrics import Metrics
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.watches.queue import KeyedQueue, Work
from controller.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

A, B = Key("shop", "a"), Key("shop", "b")


class Time:
    """A clock that stands still until it is told otherwise."""

    now = 0.0

    def __call__(self) -> float:
        """Monotonic seconds."""
        return self.now


def setup(
    reconcile: Callable[[Work[Key]], Awaitable[Outcome]], *, count: int = 2
) -> tuple[KeyedQueue[Key], Workers, Metrics, Time]:
    time = Time()
    queue: KeyedQueue[Key] = KeyedQueue(clock=time, random=lambda: 0.5)
    metrics = Metrics()
    heartbeat = Heartbeat(time, lambda: True)
    workers = Workers(queue, reconcile, count=count, metrics=metrics, heartbeat=heartbeat, clock=time)
    return queue, workers, metrics, time


async def until_idle(queue: KeyedQueue[Key]) -> None:
    for _ in range(50):
        await asyncio.sleep(0)
        if not len(queue) and not queue.running:
            return
    raise AssertionError("the queue never emptied")


def counted(metrics: Metrics, result: str) -> float:
    return metrics.registry.get_sample_value("keddah_reconciles_total", {"result": result}) or 0.0


async def test_one_objects_bug_does_not_harm_its_neighbour() -> None:
    seen: list[Key] = []

    async def reconcile(work: Work[Key]) -> Outcome:
        seen.append(work.key)
        if work.key == A:
            raise ZeroDivisionError
        return Done()

    queue, workers, metrics, _ = setup(reconcile)
    running = asyncio.create_task(workers.run())
    queue.add(A)
    queue.add(B)
    await until_idle(queue)
    assert set(seen) == {A, B}
    assert counted(metrics, "failed") == 1
    assert counted(metrics, "done") == 1
    assert queue.next_deadline() == 0.25, "the failed one is tried again"
    await workers.stop(1)
    await running


async def test_an_api_server_that_does_not_answer_is_tried_again_later_and_later() -> None:
    async def reconcile(_: Work[Key]) -> Outcome:
        raise Unavailable(0, "no answer")

    queue, workers, _, time = setup(reconcile)
    running = asyncio.create_task(workers.run())
    queue.add(A)
    waits = []
    for _ in range(4):
        await until_idle(queue)
        deadline = queue.next_deadline()
        assert deadline is not None
        waits.append(deadline - time.now)
        time.now = deadline
        queue.add(A)
    assert waits == [0.25, 0.5, 1.0, 2.0]
    await workers.stop(1)
    await running


@pytest.mark.parametrize(
    ("outcome", "deadline"),
    [
        (Done(), None),
        (Done(after=600), 600.0),
        (Waiting(30, "Starting", ""), 30.0),
        (Stalled("Refused", ""), None),
        (Stalled("ChildOwnedByOther", "", after=60), 60.0),
    ],
)
async def test_an_outcome_says_when_to_look_again(outcome: Outcome, deadline: float | None) -> None:
    async def reconcile(_: Work[Key]) -> Outcome:
        return outcome

    queue, workers, metrics, _ = setup(reconcile)
    running = asyncio.create_task(workers.run())
    queue.add(A)
    await until_idle(queue)
    assert queue.next_deadline() == deadline
    assert counted(metrics, type(outcome).__name__.lower()) == 1
    await workers.stop(1)
    await running


async def test_stopping_finishes_what_is_under_way_and_begins_nothing() -> None:
    begun, release, finished = asyncio.Event(), asyncio.Event(), []

    async def reconcile(work: Work[Key]) -> Outcome:
        begun.set()
        await release.wait()
        finished.append(work.key)
        return Done()

    queue, workers, _, _ = setup(reconcile, count=1)
    running = asyncio.create_task(workers.run())
    queue.add(A)
    queue.add(B)
    await begun.wait()
    stopping = asyncio.create_task(workers.stop(5))
    await asyncio.sleep(0)
    release.set()
    await stopping
    await running
    assert finished == [A]
    assert len(queue) == 1


async def test_what_never_ends_is_abandoned() -> None:
    async def reconcile(_: Work[Key]) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    queue, workers, _, _ = setup(reconcile)
    running = asyncio.create_task(workers.run())
    queue.add(A)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await workers.stop(0.01)
    await running


async def test_the_lost_lease_ends_the_work() -> None:
    async def reconcile(_: Work[Key]) -> Outcome:
        raise LeadershipLost("over")

    queue, workers, _, _ = setup(reconcile)
    queue.add(A)
    with pytest.raises(LeadershipLost):
        await workers.run()


def test_a_heart_that_stands_still_while_there_is_work_is_dead() -> None:
    time, busy = Time(), [False]
    heart = Heartbeat(time, lambda: busy[0])
    time.now = PROGRESS_SECONDS * 3
    assert heart.alive(), "nothing to do is no reason to die"
    busy[0] = True
    time.now += PROGRESS_SECONDS / 2
    assert heart.alive()
    time.now += PROGRESS_SECONDS / 2
    assert not heart.alive()
    heart.beat()
    assert heart.alive()
