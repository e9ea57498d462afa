"""A database without a primary: a moment of it is told by the events of the failover, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.observe.instances.instance import Instance
from controller.observe.state import ObservedState
from controller.plan.outcome import Waiting
from controller.plan.planner import plan
from controller.report.status import status
from controller.report.transitions import transitions
from schemas.api.types import PostgreSQLDatabase, decode
from tests.factory import complete_database
from tests.states import intent, members, observed, pod, settled

LAST = datetime(2026, 7, 1, 12, tzinfo=UTC)
"""When the primary renewed its lock last."""
LONG_AGO = LAST - timedelta(days=1)


def served(replicas: int, before: dict[str, Any]) -> PostgreSQLDatabase:
    whole = complete_database(replicas=replicas)
    return decode({**whole, "status": {"currentVersion": "17.6", **before}})


def at(seconds: float, instances: Iterable[Instance], renewed: datetime | None = LAST) -> ObservedState:
    pods = tuple(replace(i, running_since=i.running_since or LONG_AGO) for i in instances)
    around = settled(intent(replicas=len(pods)), observed(pods))
    lead = replace(around.leadership, renewed=renewed)
    return replace(around, leadership=lead, seen=LAST + timedelta(seconds=seconds))


def told(*story: ObservedState) -> list[str]:
    """Give the reason of Ready in each of these states, and the events that come of a change of it."""
    last: dict[str, Any] = {}
    words = []
    for around in story:
        db = served(len(around.instances), last)
        outcome = plan(intent(db), around).outcome
        after = status(db, around, outcome, validated=True, now="")
        words.append(outcome.reason)
        words += [f"{kind}: {reason}" for kind, reason, _ in transitions(last, after)]
        last = after
    return words


def test_between_two_primaries_nothing_is_told() -> None:
    pair = (pod(0, ready=False, ended="Error, exit code 137"), pod(1))
    story = (at(0, members(2)), at(2, pair), at(29, pair), at(31, members(2, primary=1)))
    assert told(*story) == ["Ready", "Normal: Ready", "FailingOver", "FailingOver", "Ready", "Normal: Ready"]


@pytest.mark.parametrize(("count", "meanwhile"), [(2, "FailingOver"), (1, "PrimaryRestarting")])
def test_a_database_that_stays_without_a_primary_is_told_of_once(count: int, meanwhile: str) -> None:
    nobody = [replace(each, role="standby") for each in members(count)]
    story = (at(0, members(count)), *(at(seconds, nobody) for seconds in (2, 29, 30, 90)))
    assert told(*story) == [
        *("Ready", "Normal: Ready", meanwhile, meanwhile, "NoPrimary", "Warning: NoPrimary", "NoPrimary")
    ]


def test_it_is_looked_at_again_when_the_moment_is_over() -> None:
    nobody = at(12.5, [pod(0), pod(1)])
    outcome = plan(intent(served(2, {})), nobody).outcome
    assert (outcome.reason, outcome.after) == ("FailingOver", 17.5)
    assert isinstance(outcome, Waiting)


def test_instances_that_were_just_started_are_given_the_same_time() -> None:
    new = [pod(0, ready=False, state="starting"), pod(1, ready=False, state="starting")]
    begun = [replace(each, running_since=LAST) for each in new]
    assert told(at(1, begun, LONG_AGO), at(31, begun, LONG_AGO)) == [
        *("InstancesStarting", "NoPrimary", "Warning: NoPrimary")
    ]
    # Where one runs for long, that another has just started says nothing.
    assert told(at(1, [new[0], begun[1]], LONG_AGO))[0] == "NoPrimary"
    fresh = replace(at(1, new, LONG_AGO), instances=tuple(new))
    assert told(fresh) == ["InstancesStarting"]
    ended = replace(fresh, instances=(replace(new[0], last_end="Error, exit code 1"), new[1]))
    assert told(ended)[0] == "NoPrimary"


def test_where_nobody_knows_since_when_it_is_told_at_once() -> None:
    assert told(at(1, [pod(0), pod(1)], None))[0] == "NoPrimary"
