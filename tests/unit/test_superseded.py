"""Instances with the data from before a restore in place: they are replaced, and not damaged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.observe.instances.pods import Trouble
from controller.observe.restore.past import RESTORED_TO, SUPERSEDED, Past, with_former_data
from controller.observe.state import Leadership, Node, ObservedState
from controller.plan.actions import Rebuild
from controller.plan.instances.rebuild import REBUILD_AFTER_SECONDS, decide
from controller.plan.planner import plan
from controller.protocol.member import DAMAGE
from tests.states import intent, observed, pod, settled

OVER = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
READY = {f"node-{n}": Node(ready=True, cordoned=False) for n in range(3)}


def world(idle: float = 0.0, acquired: datetime | None = OVER, **standby: Any) -> ObservedState:  # noqa: ANN401
    """Give three instances, the last of which has gone its own way since a restore in place, or not."""
    damage = standby.get("damage", "diverged")
    given: dict[str, Any] = {
        "ready": False,
        "streaming": False,
        "state": "stopped",
        "timeline": None,
        "position": None,
    }
    told: dict[str, Any] = {"damage": damage, "trouble": Trouble("DataDamaged", DAMAGE[damage])}
    whole = (pod(0, "primary", timeline=2), pod(1, timeline=2), pod(2, **given, **told))
    lead = Leadership("orders-0", last_primary="orders-0", initialized=True, acquired=acquired)
    around = observed(whole, nodes=READY, leadership=lead, idle={"uid-2": idle})
    around = settled(intent(replicas=3), around)
    past = Past(to="2026-11-29T10:00:00Z", aside="before", at=f"{OVER:%Y-%m-%dT%H:%M:%SZ}")
    live = around.children["StatefulSet"]["orders"]
    live["metadata"].setdefault("annotations", {})[RESTORED_TO] = past.text()
    around = replace(settled(intent(replicas=3), around), leadership=lead)
    return replace(around, instances=with_former_data(around, "orders"))


@pytest.mark.parametrize("idle", [0.0, 30.0])
def test_it_is_told_as_being_replaced_from_the_beginning(idle: float) -> None:
    outcome = plan(intent(replicas=3), world(idle)).outcome
    assert outcome.reason == "RebuildingStandby"
    assert outcome.message.startswith(f"orders-2: {SUPERSEDED}")


def test_it_is_replaced_for_that_reason() -> None:
    around = world(REBUILD_AFTER_SECONDS)
    decision = decide(around.instances[2], around)
    assert isinstance(decision, Rebuild)
    assert decision.reason == SUPERSEDED


def test_what_has_gone_its_own_way_since_another_became_primary_is_damage() -> None:
    for later in (world(acquired=OVER + timedelta(minutes=1)), world(acquired=None)):
        assert not later.instances[2].superseded
        assert plan(intent(replicas=3), later).outcome.reason == "DataDamaged"


def test_other_damage_is_none_of_the_restores() -> None:
    assert plan(intent(replicas=3), world(damage="control-file")).outcome.reason == "DataDamaged"
