from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.observe.state import Claim, Leadership, ObservedState
from controller.plan.actions import Apply
from controller.plan.holdings import HOLDS
from controller.plan.outcome import Stalled
from controller.plan.planner import Plan, plan
from schemas.api.types import PostgreSQLDatabase, Status
from tests.factory import typed_database
from tests.states import claim, intent, members, observed, settled

MADE = {"version": "17", "database": "shop", "owner": "shop"}


def kept(**changes: Any) -> ObservedState:  # noqa: ANN401
    """Give what is left of a database of MADE's that was deleted."""
    before = settled(intent(database="shop", owner="shop"), observed(members(1)))
    children = {"ConfigMap": before.children["ConfigMap"]}
    lead = Leadership(None, initialized=True, identifier="7300000000000000001")
    given = {"children": children, "claims": (claim(0),), "leadership": lead, **changes}
    return ObservedState(**given)


def created_again(around: ObservedState, **spec: str) -> Plan:
    return plan(intent(typed_database(**{"database": "shop", "owner": "shop", **spec})), around)


def test_what_volumes_hold_is_noted_beside_them() -> None:
    annotations = kept().children["ConfigMap"]["orders-config"]["metadata"]["annotations"]
    assert json.loads(annotations[HOLDS]) == MADE


def test_the_same_database_takes_its_volumes_up_again() -> None:
    assert any(isinstance(action, Apply) for action in created_again(kept()).actions)


@pytest.mark.parametrize(
    ("field", "value"), [("database", "ledger"), ("owner", "ledger"), ("version", "18.0")]
)
def test_another_database_on_kept_volumes_is_stalled_with_the_way_out(field: str, value: str) -> None:
    chosen = created_again(kept(), **{field: value})
    assert chosen.actions == ()
    assert isinstance(chosen.outcome, Stalled)
    assert chosen.outcome.reason == "VolumesHoldOther"
    assert (
        f'made with {field}: "{MADE[field]}", and not "{value.partition(".")[0]}"' in chosen.outcome.message
    )
    assert "kubectl delete pvc,configmap -n shop -l keddah.dev/database=orders" in chosen.outcome.message


def test_without_volumes_there_is_nothing_to_compare() -> None:
    assert created_again(kept(claims=(), leadership=Leadership()), owner="ledger").actions != ()


def test_patronis_state_without_volumes_is_told_because_an_empty_instance_would_wait_for_ever() -> None:
    chosen = created_again(kept(claims=()), owner="ledger")
    assert chosen.actions == ()
    assert chosen.outcome.reason == "VolumesGone"
    assert "kubectl delete pvc,configmap -n shop -l keddah.dev/database=orders" in chosen.outcome.message


def bare() -> ObservedState:
    """Give what is left when a person has made NAME-config again, to say that the new spec is right."""
    around = kept(leadership=Leadership())
    del around.children["ConfigMap"]["orders-config"]["metadata"]["annotations"]
    return around


def test_without_a_note_there_is_nothing_to_compare() -> None:
    assert created_again(bare(), owner="ledger").actions != ()


@pytest.mark.parametrize("volumes", [(claim(0),), (claim(0), claim(1))])
def test_volumes_without_the_object_that_says_what_they_hold_are_named(volumes: tuple[Claim, ...]) -> None:
    chosen = created_again(ObservedState(claims=volumes))
    assert chosen.actions == ()
    assert isinstance(chosen.outcome, Stalled)
    assert chosen.outcome.reason == "VolumesUnknown"
    assert 'whether they hold version: "17", database: "shop", owner: "shop" is' in chosen.outcome.message
    assert ("Which of them is newest is unknown" in chosen.outcome.message) == (len(volumes) > 1)
    assert "kubectl create configmap orders-config -n shop && kubectl label" in chosen.outcome.message
    assert "kubectl delete pvc,configmap -n shop -l keddah.dev/database=orders" in chosen.outcome.message


def test_an_object_that_has_run_knows_its_volumes_itself() -> None:
    db = typed_database()
    ran = PostgreSQLDatabase(metadata=db.metadata, spec=db.spec, status=Status(current_version="17.6"))
    assert plan(intent(ran), ObservedState(claims=(claim(0),))).actions != ()


def test_a_damaged_note_stops_nothing() -> None:
    around = kept()
    around.children["ConfigMap"]["orders-config"]["metadata"]["annotations"][HOLDS] = "["
    assert created_again(around, owner="ledger").actions != ()


def test_a_running_database_is_never_stalled_by_its_note() -> None:
    made = settled(intent(), observed(members(1)))
    running = replace(made, leadership=replace(made.leadership, identifier="7300000000000000001"))
    running.children["ConfigMap"]["orders-config"]["metadata"]["annotations"][HOLDS] = json.dumps(MADE)
    assert not isinstance(plan(intent(), running).outcome, Stalled)
