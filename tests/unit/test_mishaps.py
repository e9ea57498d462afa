"""What befell an instance's processes: told once, with what it means, and complained about when repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.objects import Key
from controller.observe.instances.progress import Progress
from controller.observe.state import ObservedState
from controller.plan.outcome import Done, Stalled
from controller.plan.planner import plan
from controller.report.mishaps import Mishaps, told
from controller.report.status import status
from controller.report.transitions import transitions
from tests.factory import typed_database
from tests.states import intent, members, observed, pod, settled

KEY = Key("shop", "orders")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
HOUR = 3600.0
KILLED = "orders-1: the kernel killed a process for lack of memory at 12:00:00Z"
CRASHED = (
    "orders-1: a process of the server crashed at 12:00:00Z, so the server ended all connections"
    " and recovered from the WAL"
)
ENDED = "orders-1: the kernel killed it for lack of memory at 12:00:00Z, so its container ended"


def world(**changes: Any) -> ObservedState:  # noqa: ANN401
    """Give three instances of which the second says this of itself."""
    return observed((pod(0, "primary"), pod(1, **changes), pod(2)))


def lines(before: Mishaps, around: ObservedState, now: datetime = LATER) -> tuple[Mishaps, list[str]]:
    after, events = told(before, around, now)
    return after, [f"{event.type} {event.reason}: {event.message}" for event in events]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crashed_at": NOON}, f"Warning ServerCrashed: {CRASHED}"),
        ({"killed_at": NOON}, f"Warning KilledForMemory: {KILLED}"),
        ({"last_end": "OOMKilled, exit code 137", "last_end_at": NOON}, f"Warning KilledForMemory: {ENDED}"),
    ],
)
def test_each_mishap_is_told_once(changes: dict[str, Any], said: str) -> None:
    before, nothing = lines({}, world())
    assert nothing == []
    after, events = lines(before, world(**changes))
    assert events == [said]
    assert lines(after, world(**changes)) == (after, [])
    # Another controller, and a later one, which cannot know whether it was told.
    assert lines({}, world(**changes))[1] == [said]
    assert lines({}, world(**changes), NOON + timedelta(minutes=3))[1] == []


def test_an_ordinary_end_of_a_container_is_no_mishap() -> None:
    before, _ = lines({}, world())
    assert lines(before, world(last_end="Error, exit code 1", last_end_at=NOON))[1] == []


def test_a_kill_is_told_before_the_crash_that_came_of_it() -> None:
    before, _ = lines({}, world())
    events = lines(before, world(crashed_at=NOON, killed_at=NOON))[1]
    assert [event.split(":")[0] for event in events] == ["Warning KilledForMemory", "Warning ServerCrashed"]


def test_kills_are_counted_for_an_hour() -> None:
    seconds = 0.0
    progress = Progress(lambda: seconds)

    def kills(**changes: Any) -> int:  # noqa: ANN401
        return progress.kills(KEY, world(**changes).instances).get("uid-1", 0)

    assert kills(killed_at=NOON) == 0
    first, second = {"killed_at": NOON + timedelta(minutes=1)}, {"killed_at": NOON + timedelta(minutes=2)}
    assert kills(**first) == kills(**first) == 1
    seconds = HOUR / 2
    assert kills(**second) == 2
    assert kills(**second, last_end="OOMKilled, exit code 137", last_end_at=NOON) == 3
    seconds = HOUR + 1
    assert kills(**second, last_end="OOMKilled, exit code 137", last_end_at=NOON) == 2
    seconds = 2 * HOUR
    assert kills(**second, last_end="OOMKilled, exit code 137", last_end_at=NOON) == 0


@pytest.mark.parametrize(
    ("resources", "advice"),
    [
        ({"limits": {"memory": "512Mi"}}, "increase spec.resources.limits.memory (512Mi), or lower work_mem"),
        (
            {"requests": {"memory": "512Mi"}},
            "increase spec.resources.requests.memory, its node has too little, or lower work_mem",
        ),
    ],
)
def test_repeated_kills_name_the_memory_and_what_to_do(resources: dict[str, Any], advice: str) -> None:
    wish = intent(replicas=3, resources=resources)
    for count, known in ((1, False), (2, True)):
        around = settled(wish, observed(members(3), kills={"uid-1": count}))
        outcome = plan(wish, around).outcome
        assert isinstance(outcome, Stalled if known else Done)
        if known:
            words = f"killed for lack of memory within an hour: orders-1 (2 times); {advice}"
            assert outcome.message.startswith(words)


def test_a_database_without_enough_memory_is_ready_and_warned_of() -> None:
    outcome = Stalled("KilledForMemory", "killed for lack of memory within an hour: orders-1 (2 times)")
    db = typed_database(replicas=3)
    before = status(db, observed(members(3)), Done(), validated=True, now="2026-11-29T12:00:00Z")
    after = status(db, observed(members(3)), outcome, validated=True, now="2026-11-29T12:01:00Z")
    ready = next(each for each in after["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "KilledForMemory")
    assert ("Warning", outcome.reason, outcome.message) in transitions(before, after)
