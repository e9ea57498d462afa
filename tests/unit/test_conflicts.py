from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.plan.actions import Action, Apply, DeletePod
from controller.plan.conflicts import REFUSED_SECONDS, WriteHistory
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.planner import Plan

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WRITTEN = Waiting(5, "Reconciling", "child objects were written")
RESTART = DeletePod("orders-0", "uid", "the pod template changed")


def write(replicas: int = 3, reason: str = "spec.replicas differs", *, absent: bool = False) -> Apply:
    manifest = {"kind": "StatefulSet", "metadata": {"name": "orders"}, "spec": {"replicas": replicas}}
    return Apply(manifest, reason, absent)


class Passes:
    """Passes over one database, each when the one before has asked for it."""

    def __init__(self) -> None:
        self.history, self.now = WriteHistory(), NOW

    def run(self, *actions: Action, outcome: Outcome = WRITTEN, after: float | None = None) -> Plan:
        """Run one; `after` is when it is woken instead."""
        held = self.history.held(actions, self.now)
        rest = tuple(action for action in actions if action not in held)
        self.history = self.history.after(rest, (), held, self.now)
        ended = Plan(rest, self.history.told(outcome, self.now))
        self.now += timedelta(seconds=ended.outcome.after or 0 if after is None else after)
        return ended


def test_what_somebody_changes_back_is_written_less_and_less_often_and_said() -> None:
    passes = Passes()
    ends = [passes.run(write()) for _ in range(12)]
    assert [end.outcome.after for end in ends[:6]] == [5, 5, 15, 30, 60, 120]
    assert ends[-1].outcome.after == 600
    assert all(end.actions for end in ends)
    assert ends[2].outcome.reason == "ChildAltered"
    assert ends[2].outcome.message.startswith("StatefulSet orders: spec.replicas differs again")


def test_who_is_woken_before_its_time_leaves_it_and_does_the_rest() -> None:
    passes = Passes()
    for _ in range(3):
        passes.run(write())
    passes.now -= timedelta(seconds=10)
    early = passes.run(write(), RESTART)
    assert early.actions == (RESTART,)
    assert (early.outcome.reason, early.outcome.after) == ("ChildAltered", 10)
    assert passes.run(write()).outcome.after == 30


def test_another_change_is_written_at_once() -> None:
    passes = Passes()
    for _ in range(3):
        passes.run(write(), after=0)
    assert passes.run(write(reason="spec.template differs")) == Plan(
        (write(reason="spec.template differs"),), WRITTEN
    )
    assert {passes.run(write(replicas)).outcome for replicas in range(1, 9)} == {WRITTEN}


def test_a_pass_that_need_write_nothing_ends_the_contest() -> None:
    passes = Passes()
    for actions in ((write(),), (write(),), (RESTART,), (write(),), (write(),)):
        assert passes.run(*actions) == Plan(actions, WRITTEN)


def test_children_that_are_made_are_no_contest() -> None:
    passes = Passes()
    assert {passes.run(write(absent=True)).outcome for _ in range(5)} == {WRITTEN}


@pytest.mark.parametrize("outcome", [Stalled("VolumeCannotGrow", "no"), Waiting(2, "FailingOver", "lost")])
def test_what_matters_more_stays_said_and_is_looked_at_as_soon(outcome: Outcome) -> None:
    passes = Passes()
    assert {passes.run(write(), outcome=outcome).outcome for _ in range(5)} == {outcome}


def test_what_is_refused_is_not_tried_for_a_while_and_said_in_the_api_servers_words() -> None:
    refused = write()
    history = WriteHistory().after((), [(refused, "exceeded quota")], (), NOW)
    assert history.told(Done(), NOW) == Stalled("WriteRefused", "exceeded quota", after=REFUSED_SECONDS)
    assert history.held([write(5)], NOW) == ()
    soon = NOW + timedelta(seconds=10)
    assert history.held([refused, RESTART], soon) == (refused,)
    later = history.after([RESTART], (), (refused,), soon)
    assert later.told(Waiting(5, "Creating", ""), soon) == Stalled("WriteRefused", "exceeded quota", after=20)
    assert history.held([refused], NOW + timedelta(seconds=REFUSED_SECONDS)) == ()


@pytest.mark.parametrize("outcome", [Stalled("DiskFull", "no"), Waiting(2, "FailingOver", "lost")])
def test_what_endangers_data_is_said_before_a_refused_write(outcome: Outcome) -> None:
    history = WriteHistory().after((), [(write(), "no")], (), NOW)
    assert history.told(outcome, NOW) == outcome
