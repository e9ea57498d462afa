"""A second component beside the instances: an exporter of metrics, in a StatefulSet of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.desired.child import child
from controller.kube.kinds import DATABASE_LABEL
from controller.kube.objects import Manifest
from controller.observe.instances.editions import Edition, behind
from controller.observe.ownership import instances, part
from controller.observe.state import ObservedState
from controller.plan.actions import Apply, DeletePod, RelabelStandby
from controller.plan.component import Component
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.planner import COMPONENTS, Plan, plan
from controller.plan.situation import Situation
from controller.report.finding import Finding, StatusComponent
from controller.report.status import COMPONENTS as REPORTED
from controller.report.status import status
from tests.states import OLD, intent, members, observed, settled

NAME = "exporter"
WISH = intent(replicas=3)


def statefulset(situation: Situation) -> Manifest:
    body: Manifest = {"spec": {"replicas": 1, "serviceName": "orders-exporter", "template": {"spec": {}}}}
    return child(situation.db, "apps/v1", "StatefulSet", "orders-exporter", body=body, component=NAME)


def serving(situation: Situation) -> Outcome | None:
    live = situation.observed.of(NAME, "StatefulSet").get("orders-exporter", {})
    ready = (live.get("status") or {}).get("readyReplicas") == 1
    return None if ready else Waiting(10, "ExporterStarting", "no metrics yet")


EXPORTER = Component(NAME, children=lambda s: (statefulset(s),), steps=(serving,))


def chosen(around: ObservedState, *components: Component) -> Plan:
    return plan(WISH, around, (*COMPONENTS, *(components or (EXPORTER,))))


def with_exporter(around: ObservedState, **status: Any) -> ObservedState:  # noqa: ANN401
    [write] = [a for a in chosen(around).actions if isinstance(a, Apply) and "exporter" in str(a)]
    live = {**write.manifest, "status": status}
    sets = {**around.children.get("StatefulSet", {}), "orders-exporter": live}
    return replace(around, children={**around.children, "StatefulSet": sets})


@pytest.fixture
def calm() -> ObservedState:
    return settled(WISH, observed(members(3)))


def test_its_child_is_written_beside_those_of_the_instances() -> None:
    writes = [str(action) for action in chosen(observed()).actions if isinstance(action, Apply)]
    assert writes[-2:] == ["apply StatefulSet orders", "apply StatefulSet orders-exporter"]
    assert chosen(observed()).begins


def test_its_own_readiness_is_waited_for_after_everything_about_the_instances(calm: ObservedState) -> None:
    assert chosen(calm).outcome == Waiting(10, "ExporterStarting", "no metrics yet")
    assert chosen(with_exporter(calm, readyReplicas=1)) == Plan((), Done())
    cut = replace(calm, instances=calm.instances[:2])
    assert chosen(with_exporter(cut)).outcome.reason == "InstancesStarting"


def test_the_instances_are_not_mistaken_for_it(calm: ObservedState) -> None:
    both = with_exporter(calm)
    assert both.statefulset == calm.statefulset
    pods = {"orders-exporter-0": {"metadata": {"labels": {"app.kubernetes.io/component": NAME}}}}
    assert behind(replace(both, children={**both.children, "Pod": pods}), Edition("any image")) == []


def test_its_changes_hold_up_no_roll_out(calm: ObservedState) -> None:
    stale = replace(calm, instances=tuple(replace(i, revision=OLD) for i in calm.instances))
    first = chosen(stale)
    assert "apply StatefulSet orders-exporter" in map(str, first.actions)
    assert any(isinstance(action, DeletePod) for action in first.actions)


def test_what_cannot_wait_comes_before_all_else(calm: ObservedState) -> None:
    label = RelabelStandby("orders-1", "orders-0 holds the lock")
    urgent = chosen(calm, replace(EXPORTER, remedies=lambda _: (label,)))
    assert urgent.actions[0] == label
    assert urgent.outcome.reason == "SwitchingOver"


def test_an_obstacle_of_one_component_stops_all(calm: ObservedState) -> None:
    full = Stalled("NoRoom", "no volume")
    blocked = replace(EXPORTER, obstacle=lambda _: full)
    assert chosen(calm, blocked) == Plan((), full)


def test_an_object_of_somebody_else_under_its_name_is_told_and_left(calm: ObservedState) -> None:
    both = with_exporter(calm)
    theirs = {"kind": "StatefulSet", "metadata": {"name": "orders-exporter", "uid": "u"}}
    sets = {**both.children["StatefulSet"], "orders-exporter": theirs}
    around = replace(both, children={**both.children, "StatefulSet": sets})
    ready = replace(EXPORTER, steps=())
    assert chosen(around, ready).actions == ()
    assert chosen(around, ready).outcome.reason == "ChildOwnedByOther"


def test_when_a_component_is_due_again_hides_no_answer_of_those_behind_it(calm: ObservedState) -> None:
    first = Component("first", children=lambda _: (), again=lambda _: 300.0)
    second = Component("second", children=lambda _: (), again=lambda _: 60.0)
    waits = Component("third", children=lambda _: (), steps=(lambda _: Waiting(5, "Provisioning", "…"),))
    assert chosen(calm, first, second).outcome == Done(after=60.0)
    assert chosen(calm, first, waits).outcome == Waiting(5, "Provisioning", "…")


def test_only_what_a_component_recognizes_is_part_of_the_database() -> None:
    labels = {DATABASE_LABEL: "orders"}
    pod = {"metadata": {"name": "orders-exporter-0", "uid": "u", "labels": labels}}
    assert not part("Pod", pod, "orders")

    def exporter(kind: str, manifest: Manifest, database: str) -> bool:
        return kind == "Pod" and manifest["metadata"]["name"] == f"{database}-exporter-0"

    assert part("Pod", pod, "orders", (instances, exporter))


def test_its_condition_and_field_stand_in_the_status_beside_those_of_the_instances(
    calm: ObservedState,
) -> None:
    exporter = StatusComponent(
        lambda _: [Finding("MetricsServed", holds=True, reason="Serving", message="at port 9187")],
        lambda _: {"metricsPort": 9187},
    )
    told = status(
        WISH.db, calm, Done(), validated=True, now="2026-07-01T12:00:00Z", components=(*REPORTED, exporter)
    )
    assert [c["type"] for c in told["conditions"]][-1] == "MetricsServed"
    assert (told["metricsPort"], told["ready"]) == (9187, "3/3")
    alone = status(WISH.db, calm, Done(), validated=True, now="2026-07-01T12:00:00Z")
    assert told["conditions"][:-1] == alone["conditions"]
