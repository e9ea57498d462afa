from __future__ import annotations

from dataclasses import replace

from controller.observe.identity import IDENTIFIER
from controller.observe.state import Leadership, ObservedState
from controller.plan.actions import Apply, Identify
from controller.plan.instances.alone import identification
from controller.plan.planner import plan
from tests.states import claim, intent, members, observed, settled

SYSTEM = "7300000000000000001"


def running() -> ObservedState:
    around = observed(members(2))
    made = replace(around, leadership=replace(around.leadership, identifier=SYSTEM))
    return settled(intent(replicas=2), made)


def asleep() -> ObservedState:
    """Give a hibernated database that has lost NAME-config."""
    around = running()
    sleeping = settled(intent(replicas=2, hibernated=True), around)
    config_maps = {k: v for k, v in sleeping.children["ConfigMap"].items() if k != "orders-config"}
    children = {**sleeping.children, "ConfigMap": config_maps}
    lead = Leadership(None, initialized=True)
    return replace(sleeping, children=children, leadership=lead, claims=(claim(0), claim(1)))


def test_the_statefulset_remembers_which_database_it_runs() -> None:
    live = running().statefulset
    assert live is not None
    assert live["metadata"]["annotations"][IDENTIFIER] == SYSTEM


def test_a_new_database_has_nothing_to_remember() -> None:
    live = settled(intent(), ObservedState()).statefulset
    assert live is not None
    assert IDENTIFIER not in live["metadata"]["annotations"]


def test_patroni_learns_which_database_it_is_before_any_pod_is_made() -> None:
    chosen = plan(intent(replicas=3), asleep())
    kinds = [a.manifest["kind"] if isinstance(a, Apply) else type(a).__name__ for a in chosen.actions]
    assert kinds.index("ConfigMap") < kinds.index("Identify") < kinds.index("StatefulSet")
    (told,) = (action for action in chosen.actions if isinstance(action, Identify))
    assert (told.config, told.identifier) == ("orders-config", SYSTEM)


def test_patroni_is_told_once() -> None:
    around = asleep()
    known = replace(around, leadership=replace(around.leadership, identifier=SYSTEM))
    assert identification(known, "orders") == []


def test_without_volumes_there_is_nothing_to_protect() -> None:
    assert identification(replace(asleep(), claims=()), "orders") == []
