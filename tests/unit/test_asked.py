"""Switchovers, restarts, reloads and pauses that annotations of a database ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.observe.instances.asked import Note, notes
from controller.observe.state import ObservedState
from controller.plan.actions import Action, Apply, DeletePod, Disruption, Reload, Switchover
from controller.plan.outcome import Outcome
from controller.plan.planner import plan
from controller.plan.situation import Intent
from controller.report.primaries import Event
from controller.report.requests import answers
from controller.report.status import status
from schemas.api.types import decode
from tests.factory import complete_database
from tests.states import carry_out, intent, members, observed, settled

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)


def asking(replicas: int = 3, /, **asked: str) -> Intent:
    """Give an intent whose database has requests: `switchover_now="1/orders-2"`."""
    manifest = complete_database(replicas=replicas, backupSchedule="")
    named = {f"keddah.dev/{name.replace('_', '-')}": value for name, value in asked.items()}
    return intent(decode({**manifest, "metadata": {**manifest["metadata"], "annotations": named}}))


def running(count: int = 3, primary: int = 0) -> ObservedState:
    """Give a database that has nothing to do."""
    return replace(settled(asking(count), observed(members(count, primary))), seen=NOW)


def after(around: ObservedState, action: Action) -> ObservedState:
    """Give the state after an action; a pod that is made anew is another."""
    moved = carry_out(around, action)
    # As Patroni's ConfigMap is read.
    moved = replace(moved, leadership=replace(moved.leadership, paused='"pause":true' in config(moved)))
    if not isinstance(action, DeletePod):
        return moved
    again = tuple(replace(i, uid=f"{i.uid}-anew") if i.name == action.name else i for i in moved.instances)
    return replace(moved, instances=again)


def carried_out(wish: Intent, around: ObservedState) -> tuple[ObservedState, list[Action], Outcome]:
    """Reconcile until nothing is left to do; give the end, and every action that is no write."""
    done: list[Action] = []
    for _ in range(30):
        chosen = plan(wish, around)
        done += [action for action in chosen.actions if not isinstance(action, Apply)]
        for action in chosen.actions:
            around = after(around, action)
        if not chosen.actions:
            return around, done, chosen.outcome
    raise AssertionError(f"it goes on: {done}")


def note(around: ObservedState, name: str) -> Note:
    return notes(around)[f"keddah.dev/{name}"]


def test_a_switchover_is_made_once_to_the_instance_that_is_named() -> None:
    wish = asking(switchover_now="1/orders-2")
    end, done, outcome = carried_out(wish, running())
    assert [(step.leader, step.candidate) for step in done if isinstance(step, Switchover)] == [
        ("orders-0", "orders-2")
    ]
    assert end.primary is not None
    assert end.primary.name == "orders-2"
    assert note(end, "switchover-now").message == "orders-2 is primary, after orders-0"
    assert outcome.reason == "Ready"
    # The same id, whoever is primary since.
    assert carried_out(wish, carry_out(end, Switchover("orders-2", "orders-0", "", "", "")))[1] == []


def test_without_a_name_patroni_chooses() -> None:
    _, done, _ = carried_out(asking(switchover_now="1"), running())
    assert [step.candidate for step in done if isinstance(step, Switchover)] == [None]


def test_nothing_is_done_before_the_request_is_noted() -> None:
    """Who dies in between must not do it again: another primary would not be told from the former one."""
    chosen = plan(asking(switchover_now="1"), running())
    assert not [action for action in chosen.actions if isinstance(action, Disruption)]
    assert [str(action) for action in chosen.actions] == ["apply StatefulSet orders"]


NO_CANDIDATE = "it may lack commits that were acknowledged, for it is no synchronous standby"


def with_second(**changes: Any) -> ObservedState:  # noqa: ANN401
    around = running()
    first, second, *others = around.instances
    return replace(around, instances=(first, replace(second, **changes), *others))


@pytest.mark.parametrize(
    ("asked", "around", "why"),
    [
        ("1", running(1), "no standby can take over without losing a commit"),
        ("1/orders-7", running(), "orders-7 cannot take over now: there is no such instance"),
        ("1/orders-1", with_second(restarting=True), "orders-1 cannot take over now: it is being restarted"),
        (
            "1/orders-1",
            with_second(streaming=False, state="starting"),
            "orders-1 cannot take over now: it does not stream (starting)",
        ),
        (
            "1/orders-1",
            replace(running(), leadership=replace(running().leadership, synchronous=frozenset({"orders-2"}))),
            f"orders-1 cannot take over now: {NO_CANDIDATE}",
        ),
        ("1", replace(running(), instances=()), "there is no ready primary"),
    ],
)
def test_a_switchover_that_cannot_be_is_refused_and_not_tried_again(
    asked: str, around: ObservedState, why: str
) -> None:
    wish = asking(len(around.instances) or 3, switchover_now=asked)
    first = plan(wish, around)
    noted = around
    for action in first.actions:
        noted = carry_out(noted, action)
    assert note(noted, "switchover-now") == Note(
        value=asked, state="Refused", message=why, at="2026-12-01T03:00:00Z"
    )
    assert not [step for step in plan(wish, noted).actions if isinstance(step, Switchover)]


def test_new_passwords_of_nobody_are_refused_where_no_admission_server_ran() -> None:
    end, done, _ = carried_out(asking(rotate_passwords="1/"), running())
    why = 'names no role behind "/"; leave out "/" for all roles'
    assert note(end, "rotate-passwords") == Note(
        value="1/", state="Refused", message=why, at="2026-12-01T03:00:00Z"
    )
    assert done == []
    assert "keddah.dev/rotate-passwords" not in notes(
        carried_out(asking(rotate_passwords="1/app"), running())[0]
    )


def test_whoever_is_primary_already_has_nothing_to_take_over() -> None:
    end, done, _ = carried_out(asking(switchover_now="1/orders-0"), running())
    assert done == []
    assert note(end, "switchover-now").message == "orders-0 is primary already"


def test_a_switchover_that_finds_no_standby_any_more_is_given_up() -> None:
    wish, around = asking(switchover_now="1"), running()
    for action in plan(wish, around).actions:
        around = carry_out(around, action)
    lonely = tuple(replace(i, streaming=False) if i.role == "standby" else i for i in around.instances)
    around = replace(around, instances=lonely)
    assert plan(wish, around).outcome.reason == "SwitchingOver"
    late = replace(around, seen=NOW + timedelta(minutes=3))
    for action in plan(wish, late).actions:
        late = carry_out(late, action)
    assert note(late, "switchover-now").state == "Refused"


def test_a_restart_takes_standbys_first_and_hands_over_before_the_primary() -> None:
    end, done, _ = carried_out(asking(restart_now="1"), running())
    told = [step.name if isinstance(step, DeletePod) else type(step).__name__ for step in done]
    assert told == ["orders-2", "orders-1", "Switchover", "orders-0"]
    assert {step.reason for step in done if isinstance(step, DeletePod)} == {"a restart was asked for"}
    assert note(end, "restart-now").message == "restarted: orders-0, orders-1, orders-2"


def test_one_instance_may_be_restarted() -> None:
    end, done, _ = carried_out(asking(restart_now="1/orders-1"), running())
    assert [step.name for step in done if isinstance(step, DeletePod)] == ["orders-1"]
    assert note(end, "restart-now").state == "Done"


def test_a_restart_is_not_over_while_there_is_no_pod_yet() -> None:
    wish, around = asking(restart_now="1/orders-1"), running()
    for action in plan(wish, around).actions:
        around = carry_out(around, action)
    gone = replace(around, instances=tuple(i for i in around.instances if i.name != "orders-1"))
    for action in plan(wish, gone).actions:
        gone = carry_out(gone, action)
    assert note(gone, "restart-now").state == "UnderWay"


def test_a_reload_reaches_every_instance_once() -> None:
    _, done, _ = carried_out(asking(reload_now="1"), running())
    assert [step.pod for step in done if isinstance(step, Reload)] == ["orders-0", "orders-1", "orders-2"]


def config(around: ObservedState) -> str:
    annotations: dict[str, Any] = around.children["ConfigMap"]["orders-config"]["metadata"]["annotations"]
    return str(annotations["config"])


def test_a_pause_is_written_for_patroni_and_ends_by_another_request_or_by_hand() -> None:
    held, _, outcome = carried_out(asking(pause_now="1"), running())
    assert '"pause":true' in config(held)
    assert outcome.reason == "Paused"
    resumed, _, outcome = carried_out(asking(pause_now="1", resume_now="2"), held)
    assert '"pause"' not in config(resumed)
    assert outcome.reason == "Ready"
    # `patronictl resume`: what was asked for once is not asked for again.
    by_hand = replace(held, leadership=replace(held.leadership, paused=False))
    assert '"pause"' not in config(carried_out(asking(pause_now="1"), by_hand)[0])


def test_while_patroni_is_paused_nothing_is_moved() -> None:
    around = running()
    held = replace(around, leadership=replace(around.leadership, paused=True))
    for action in plan(asking(switchover_now="1", restart_now="1"), held).actions:
        held = carry_out(held, action)
    assert {each.message for each in notes(held).values()} == {"Patroni is paused: resume it first"}


def test_requests_of_a_manifest_that_is_new_were_carried_out_long_ago() -> None:
    wish = asking(switchover_now="1", restart_now="2", pause_now="3")
    around = settled(wish, observed())
    assert {each.state for each in notes(around).values()} == {"Done"}
    assert "requests" not in status(wish.db, around, plan(wish, around).outcome, validated=True, now="")
    assert '"pause"' not in config(around)


def test_each_answer_is_an_event_once() -> None:
    wish = asking(switchover_now="1/orders-2", restart_now="2/orders-9")
    end, _, outcome = carried_out(wish, running())
    told = status(wish.db, end, outcome, validated=True, now="")
    assert answers({}, told) == [
        Event("RequestRefused", "restart-now=2/orders-9: there is no instance orders-9"),
        Event("RequestDone", "switchover-now=1/orders-2: orders-2 is primary, after orders-0"),
    ]
    assert answers(told, told) == []
    # SwitchedOver has told it already.
    begun = {"name": "switchover-now", "id": "1/orders-2", "state": "UnderWay"}
    assert [each.reason for each in answers({"requests": [begun]}, told)] == ["RequestRefused"]
