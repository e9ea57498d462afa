from __future__ import annotations

import asyncio

from controller.watches.queue import LONGEST_RETRY_SECONDS, KeyedQueue


class Time:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Monotonic seconds."""
        return self.now


def queue(time: Time | None = None, *, jitter: float = 0.5) -> KeyedQueue[str]:
    return KeyedQueue(clock=time or Time(), random=lambda: jitter)


def popped(q: KeyedQueue[str]) -> str | None:
    work = q.pop()
    return work.key if work else None


def test_keys_come_in_the_order_in_which_they_were_added() -> None:
    q = queue()
    for key in ("a", "b", "c"):
        q.add(key)
    assert [popped(q) for _ in range(4)] == ["a", "b", "c", None]


def test_many_events_are_one_piece_of_work_with_every_reason() -> None:
    q = queue()
    for why in ("Pod", "ConfigMap", "Pod", ""):
        q.add("a", why)
    assert len(q) == 1
    work = q.pop()
    assert work is not None
    assert work.reasons == {"Pod", "ConfigMap"}
    assert q.pop() is None


def test_a_key_is_never_handed_out_twice_at_once() -> None:
    q = queue()
    q.add("a")
    assert popped(q) == "a"
    q.add("a")
    assert popped(q) is None
    q.done("a")
    assert popped(q) == "a"
    q.done("a")
    assert popped(q) is None


def test_a_busy_key_does_not_hold_up_the_others() -> None:
    q = queue()
    q.add("a")
    assert popped(q) == "a"
    q.add("a")
    q.add("b")
    assert popped(q) == "b"


def test_a_delayed_key_comes_when_it_is_due() -> None:
    time = Time()
    q = queue(time)
    q.add_after("a", 10)
    time.now += 9.9
    assert popped(q) is None
    assert len(q) == 0
    time.now += 0.1
    assert popped(q) == "a"


def test_the_earlier_of_two_deadlines_counts_and_the_later_is_forgotten() -> None:
    time = Time()
    q = queue(time)
    q.add_after("a", 60)
    q.add_after("a", 5)
    q.add_after("a", 30)
    time.now += 5
    assert popped(q) == "a"
    q.done("a")
    time.now += 100
    assert popped(q) is None
    assert q.next_deadline() is None


def test_work_that_was_woken_early_is_not_repeated_at_its_old_deadline() -> None:
    time = Time()
    q = queue(time)
    q.add_after("a", 60)
    q.add("a", "Pod")
    assert popped(q) == "a"
    q.done("a")
    time.now += 60
    assert popped(q) is None


def test_a_deadline_set_while_working_outlives_the_work() -> None:
    time = Time()
    q = queue(time)
    q.add("a")
    assert popped(q) == "a"
    q.add_after("a", 2)
    time.now += 3
    assert popped(q) is None
    q.done("a")
    assert popped(q) == "a"


def test_no_delay_is_now() -> None:
    q = queue()
    q.add_after("a", 0)
    assert popped(q) == "a"


def test_retries_double_up_to_a_limit_and_start_again_after_success() -> None:
    q = queue()
    waits = [q.retry("a") for _ in range(40)]
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == LONGEST_RETRY_SECONDS
    q.forget("a")
    assert q.retry("a") == 0.25


def test_jitter_spreads_by_a_quarter() -> None:
    assert queue(jitter=0.0).retry("a") == 0.25 * 0.75
    assert queue(jitter=1.0).retry("a") == 0.25 * 1.25


async def test_a_waiting_worker_is_woken_by_an_addition() -> None:
    q = queue()
    waiting = asyncio.create_task(q.get())
    await asyncio.sleep(0)
    q.add("a")
    assert (await waiting).key == "a"


async def test_every_waiting_worker_gets_a_key() -> None:
    q = queue()
    waiting = [asyncio.create_task(q.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in ("a", "b", "c"):
        q.add(key)
    assert {work.key for work in await asyncio.gather(*waiting)} == {"a", "b", "c"}


async def test_a_worker_waiting_behind_a_busy_key_is_woken_when_it_is_done() -> None:
    q = queue()
    q.add("a")
    await q.get()
    q.add("a")
    waiting = asyncio.create_task(q.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    q.done("a")
    assert (await waiting).key == "a"


async def test_an_idle_worker_takes_a_delayed_key_by_itself() -> None:
    loop = asyncio.get_running_loop()
    q: KeyedQueue[str] = KeyedQueue(clock=loop.time, random=lambda: 0.5)
    q.add_after("a", 0.01)
    assert (await q.get()).key == "a"
