from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.observe.instances.pods import Trouble
from controller.observe.state import Node, ObservedState
from controller.plan.actions import (
    Apply,
    DeletePod,
    Disruption,
    RelabelStandby,
    ReleaseLock,
    SetFinalizers,
    Switchover,
    TriggerLoop,
)
from controller.plan.outcome import Done, Stalled, Waiting
from controller.plan.planner import FINALIZER, Plan, plan
from schemas.api.types import decode
from tests.factory import complete_database
from tests.states import OLD, carry_out, claim, intent, members, observed, pod, settled


def disruptions(chosen: Plan) -> list[object]:
    return [action for action in chosen.actions if isinstance(action, Disruption)]


START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_new_database_gets_every_child_and_the_pods_last() -> None:
    chosen = plan(intent(replicas=3), ObservedState())
    kinds = [action.manifest["kind"] for action in chosen.actions if isinstance(action, Apply)]
    assert kinds[-1] == "StatefulSet"
    assert len(kinds) == len(chosen.actions)
    assert isinstance(chosen.outcome, Waiting)


def test_nothing_changed_means_no_action() -> None:
    wish = intent(replicas=3)
    chosen = plan(wish, settled(wish, observed(members(3))))
    assert chosen.actions == ()
    assert chosen.outcome == Done()


def test_a_primary_that_counts_on_too_few_is_woken_until_it_does() -> None:
    wish = intent(replicas=3)
    around = settled(wish, observed(members(3)))
    lead = replace(around.leadership, synchronous=frozenset({"orders-2"}), last_primary="orders-0")
    chosen = plan(wish, replace(around, leadership=lead))
    reason = "waiting until commits wait for orders-1 too"
    assert chosen.actions == (TriggerLoop("orders-0", "192.0.2.1", reason),)
    assert chosen.outcome == Waiting(2, "StandbysCatchingUp", reason)


def test_every_drifted_child_comes_back_and_nothing_else_is_written() -> None:
    wish = intent(replicas=3)
    good = settled(wish, observed(members(3)))
    for kind, children in good.children.items():
        for name in children:
            without = {**good.children, kind: {n: m for n, m in children.items() if n != name}}
            chosen = plan(wish, replace(good, children=without))
            assert [str(action) for action in chosen.actions] == [f"apply {kind} {name}"]


def test_a_child_of_another_owner_stops_everything_and_is_named() -> None:
    wish = intent()
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "orders", "labels": {"app": "theirs"}},
    }
    chosen = plan(wish, ObservedState(children={"Service": {"orders": foreign}}))
    assert chosen.actions == ()
    assert isinstance(chosen.outcome, Stalled)
    assert chosen.outcome.reason == "ChildOwnedByOther"
    assert "Service orders belongs to" in chosen.outcome.message


def test_a_child_that_somebody_takes_over_later_stops_only_itself() -> None:
    wish = intent(replicas=3)
    around = settled(wish, observed(members(3)))
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "orders-ro", "uid": "x"}}
    services = {**around.children["Service"], "orders-ro": theirs}
    taken = replace(around, children={**around.children, "Service": services})
    assert plan(wish, taken).outcome.reason == "ChildOwnedByOther"
    node = taken.instances[0].node
    drained = replace(taken, nodes={node: Node(ready=True, cordoned=True)})
    assert [type(step) for step in disruptions(plan(wish, drained))] == [Switchover]


def test_what_is_held_because_it_is_refused_holds_nothing_else_up() -> None:
    wish = intent(replicas=3, resources={"limits": {"memory": "1Gi"}})
    around = settled(intent(replicas=3), observed(members(3)))
    node = around.instances[0].node
    drained = replace(around, nodes={node: Node(ready=True, cordoned=True)})
    chosen = plan(wish, drained)
    assert disruptions(chosen) == []
    refused = tuple(action for action in chosen.actions if isinstance(action, Apply))
    free = plan(replace(wish, held=refused), drained)
    assert [type(step) for step in disruptions(free)] == [Switchover]
    assert not [action for action in free.actions if isinstance(action, Apply)]


@pytest.mark.parametrize("name", ["orders-leader", "orders-sync", "orders-failover"])
def test_a_config_map_in_patronis_way_is_named(name: str) -> None:
    wish = intent()
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    chosen = plan(wish, ObservedState(children={"ConfigMap": {name: theirs}}))
    assert chosen.actions == ()
    assert isinstance(chosen.outcome, Stalled)
    assert f"ConfigMap {name} belongs to somebody else" in chosen.outcome.message


def test_the_config_maps_that_patroni_made_are_the_databases_own() -> None:
    wish = intent()
    labels = {"keddah.dev/database": "orders"}
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders-sync", "labels": labels}}
    chosen = plan(wish, ObservedState(children={"ConfigMap": {"orders-sync": made}}))
    assert not isinstance(chosen.outcome, Stalled)


def test_a_retained_child_without_owner_is_taken_up_again() -> None:
    wish = intent()
    good = settled(wish, observed(members(1)))
    kept = {"ConfigMap": good.children["ConfigMap"]}
    chosen = plan(wish, ObservedState(children=kept, claims=(claim(0),)))
    assert not isinstance(chosen.outcome, Stalled)


@pytest.mark.parametrize("primary", [0, 1, 2])
def test_a_changed_template_restarts_standbys_first_and_the_primary_last(primary: int) -> None:
    wish = intent(replicas=3)
    stale = tuple(replace(i, revision=OLD) for i in members(3, primary))
    around = settled(wish, observed(stale))
    around = replace(around, instances=stale)
    story: list[str] = []
    for _ in range(10):
        chosen = plan(wish, around)
        steps = disruptions(chosen)
        assert len(steps) <= 1
        if not steps:
            break
        story.append(str(steps[0]))
        around = carry_out(around, steps[0])  # type: ignore[arg-type]
    standbys = [n for n in (2, 1, 0) if n != primary]
    assert story[:2] == [f"restart pod orders-{n}" for n in standbys]
    assert story[2].startswith(f"switch over from orders-{primary} to")
    assert story[3:] == [f"restart pod orders-{primary}"]
    assert plan(wish, around).outcome == Done()


def test_nobody_is_disturbed_by_what_pods_said_before_the_parameters_were_put_right() -> None:
    broken = intent(replicas=3, parameters={"huge_pages": "on"})
    around = settled(broken, observed(members(3)))
    around = replace(
        around, instances=tuple(replace(i, pending_restart={"huge_pages": ("try", "on")}) for i in members(3))
    )
    chosen = plan(intent(replicas=3), around)
    assert [str(action) for action in chosen.actions] == ["apply ConfigMap orders-config"]


def test_scaling_down_moves_the_primary_first() -> None:
    wish = intent(replicas=1)
    around = replace(settled(intent(replicas=3), observed(members(3, 2))), instances=members(3, 2))
    chosen = plan(wish, around)
    assert [type(step) for step in disruptions(chosen)] == [Switchover]
    assert "orders-0" in str(disruptions(chosen)[0])
    statefulsets = [a for a in chosen.actions if isinstance(a, Apply) and a.manifest["kind"] == "StatefulSet"]
    assert statefulsets == []


def test_an_unschedulable_pod_is_told_with_the_schedulers_words() -> None:
    wish = intent()
    around = settled(wish, observed((pod(0, ready=False, trouble=Trouble("Unschedulable", "no node fits")),)))
    outcome = plan(wish, around).outcome
    assert isinstance(outcome, Waiting)
    assert (outcome.reason, outcome.message) == ("Unschedulable", "orders-0: no node fits")


def test_a_scheduler_that_has_not_seen_a_claim_yet_is_no_trouble() -> None:
    """With every new pod it says so for a moment."""
    wish, words = (
        intent(),
        '0/3 nodes are available: persistentvolumeclaim "data-orders-0" not found. not found',
    )
    waits = (pod(0, ready=False, trouble=Trouble("Unschedulable", words)),)
    assert plan(wish, settled(wish, observed(waits, claims=(claim(0),)))).outcome.reason != "Unschedulable"
    assert (
        plan(wish, settled(wish, observed(waits, claims=(claim(0, name="data-other-0"),)))).outcome.reason
        == "Unschedulable"
    )


def test_hibernation_takes_the_pods_and_remembers_how_many() -> None:
    awake = settled(intent(replicas=3), observed(members(3)))
    asleep = settled(intent(replicas=3, hibernated=True), awake)
    assert asleep.statefulset is not None
    assert asleep.statefulset["spec"]["replicas"] == 0
    assert plan(intent(replicas=3, hibernated=True), asleep).outcome.reason == "Hibernated"
    lost = {"lost": Node(ready=False, cordoned=False)}
    going = replace(asleep, instances=(pod(1, node="lost", deleting=True),), nodes=lost)
    outcome = plan(intent(replicas=3, hibernated=True), going).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.reason == "Hibernating"
    assert outcome.message.startswith("waiting for orders-1 to stop; not Ready: lost. Kubernetes keeps")


def test_an_instance_that_does_not_end_is_named_with_its_node() -> None:
    wish = intent(replicas=1)
    around = settled(wish, observed(members(1), nodes={"lost": Node(ready=False, cordoned=False)}))
    ending = replace(around, instances=(*members(1), pod(1, node="lost", deleting=True)))
    outcome = plan(wish, ending).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.reason == "InstancesEnding"
    assert outcome.message.startswith("1 of 1 instances serve; waiting for orders-1 to stop; not Ready: lost")


def test_waking_with_fewer_replicas_brings_all_data_back_first() -> None:
    awake = settled(intent(replicas=3), observed(members(3)))
    asleep = settled(intent(replicas=3, hibernated=True), awake)
    chosen = plan(intent(replicas=1), asleep)
    statefulset = next(
        a for a in chosen.actions if isinstance(a, Apply) and a.manifest["kind"] == "StatefulSet"
    )
    assert statefulset.manifest["spec"]["replicas"] == 3


def test_the_finalizer_follows_the_deletion_policy() -> None:
    wish = intent(deletionPolicy="Delete")
    asked = [a for a in plan(wish, ObservedState()).actions if isinstance(a, SetFinalizers)]
    assert asked == [SetFinalizers((FINALIZER,), "deletionPolicy Delete")]


def test_every_interrupted_first_reconcile_ends_in_the_same_world() -> None:
    wish = intent(replicas=3)
    whole = settled(wish, ObservedState())
    first = plan(wish, ObservedState()).actions
    for count in range(len(first) + 1):
        around = ObservedState()
        for action in first[:count]:
            around = carry_out(around, action)
        assert settled(wish, around).children == whole.children


def test_every_interrupted_scale_down_ends_in_the_same_world() -> None:
    start = settled(intent(replicas=3), observed(members(3, 2)))
    wish = intent(replicas=2)
    ends = []
    for interruptions in range(4):
        around, left = start, interruptions
        for _ in range(10):
            actions = plan(wish, around).actions
            if not actions:
                break
            cut = actions[: len(actions) - 1] if left else actions
            left = max(0, left - 1)
            for action in cut:
                around = carry_out(around, action)
        ends.append((around.children["StatefulSet"], [(i.name, i.role) for i in around.instances]))
    assert all(end == ends[0] for end in ends)
    assert [name for name, _ in ends[0][1]] == ["orders-0", "orders-1"]


def test_a_pod_is_deleted_only_with_the_uid_that_was_seen() -> None:
    wish = intent(replicas=1)
    around = settled(wish, observed(members(1)))
    stale = replace(around, instances=(pod(0, "primary", revision=OLD),))
    assert disruptions(plan(wish, stale)) == [DeletePod("orders-0", "uid-0", "the pod template changed")]


def test_an_image_with_another_version_than_the_policy_says_is_told() -> None:
    wish = replace(intent(), version="17.6")
    around = settled(wish, observed(members(1), server_version="17.5"))
    outcome = plan(wish, around).outcome
    assert isinstance(outcome, Stalled)
    assert outcome.reason == "VersionMismatch"


def test_an_image_that_turns_out_to_hold_another_version_goes_to_no_second_pod() -> None:
    wish = replace(intent(replicas=3), version="17.6")
    good = settled(wish, observed(members(3), server_version="17.5"))
    half = replace(good, instances=(*(replace(i, revision=OLD) for i in good.instances[:2]), pod(2)))
    chosen = plan(wish, replace(half, moved={"orders-2": "17.4"}))
    assert chosen.actions == ()
    assert isinstance(chosen.outcome, Stalled)
    assert chosen.outcome.reason == "VersionMismatch"
    assert "orders-2 reports 17.4" in chosen.outcome.message
    assert disruptions(plan(wish, replace(half, moved={"orders-2": "17.6"})))
    assert plan(wish, replace(half, moved={"orders-2": None})).outcome.reason == "RollingOut"


def test_a_dead_primarys_lock_is_released_before_anything_is_written() -> None:
    wish = intent(replicas=3)
    times = {"started_at": START, "ended_at": START + timedelta(hours=1)}
    dead = (pod(0, "primary", ready=False, ended="Error, exit code 137", **times), pod(1), pod(2))
    around = observed(dead, nodes={"node-0": Node(ready=True, cordoned=False)})
    around = replace(around, leadership=replace(around.leadership, renewed=START))
    chosen = plan(wish, around)
    assert isinstance(chosen.actions[0], ReleaseLock)
    assert chosen.outcome.reason == "FailingOver"


def test_a_label_that_was_left_behind_is_no_failover() -> None:
    both = observed((pod(0, "primary"), pod(1, "primary")))
    lead = replace(both.leadership, holder="orders-1")
    chosen = plan(intent(replicas=2), replace(both, leadership=lead))
    assert [type(action) for action in chosen.actions[:1]] == [RelabelStandby]
    assert chosen.outcome.reason == "SwitchingOver"


def paused(around: ObservedState) -> ObservedState:
    return replace(around, leadership=replace(around.leadership, paused=True))


def test_a_pause_is_not_ended_by_the_controller() -> None:
    wish = intent(replicas=3)
    around = settled(wish, paused(settled(wish, observed(members(3)))))
    annotations = around.children["ConfigMap"]["orders-config"]["metadata"]["annotations"]
    assert annotations["config"].endswith(',"pause":true}')
    assert plan(wish, around).outcome.reason == "Paused"


@pytest.mark.parametrize("wish", [{"replicas": 1}, {"hibernated": True}, {"replicas": 3}])
def test_nothing_is_removed_restarted_or_moved_in_a_pause(wish: dict[str, Any]) -> None:
    nodes = {f"node-{n}": Node(ready=True, cordoned=n == 0) for n in range(3)}
    around = settled(intent(replicas=3), observed(members(3), nodes=nodes))
    chosen = plan(intent(**wish), settled(intent(**wish), paused(around)))
    assert disruptions(chosen) == []
    statefulset = settled(intent(**wish), paused(around)).statefulset
    assert statefulset is not None
    assert statefulset["spec"]["replicas"] == 3


def test_the_primary_leaves_a_cordoned_node_before_it_is_evicted() -> None:
    wish = intent(replicas=3)
    nodes = {f"node-{n}": Node(ready=True, cordoned=n == 0) for n in range(3)}
    around = settled(wish, observed(members(3), nodes=nodes))
    steps = disruptions(plan(wish, around))
    assert [str(step) for step in steps] == ["switch over from orders-0 to the most advanced standby"]


def test_no_standby_on_a_cordoned_node_takes_over() -> None:
    wish = intent(replicas=3)
    nodes = {f"node-{n}": Node(ready=True, cordoned=n < 2) for n in range(3)}
    around = settled(wish, observed(members(3), nodes=nodes))
    steps = disruptions(plan(wish, around))
    assert [str(step) for step in steps] == ["switch over from orders-0 to orders-2"]


def test_no_instance_is_restarted_while_the_server_does_not_know_the_passwords() -> None:
    around = settled(intent(replicas=2), observed(members(2)))
    outdated = replace(around, instances=(pod(0, "primary"), pod(1, revision=OLD)))
    assert [str(a) for a in plan(intent(replicas=2), outdated).actions] == ["restart pod orders-1"]
    watch = "orders-secrets-watch"
    metadata = {
        "name": watch,
        "labels": {"keddah.dev/database": "orders"},
        "annotations": {"keddah.dev/renewed-passwords": "replication"},
    }
    config_maps = {**around.children["ConfigMap"], watch: {"metadata": metadata}}
    lost = replace(outdated, children={**around.children, "ConfigMap": config_maps})
    chosen = plan(intent(replicas=2), lost)
    assert chosen.actions == ()
    assert chosen.outcome.reason == "PasswordsLost"
    assert r"kubectl exec -i orders-0 -c postgres -n shop" in chosen.outcome.message
    assert r"'\password replicator'" in chosen.outcome.message


def test_watching_secrets_takes_nothing_from_ready() -> None:
    around = settled(intent(), observed(members(1)))
    labels = {"app.kubernetes.io/component": "secrets-watch"}
    metadata = {"name": "orders-secrets-watch", "namespace": "shop", "labels": labels}
    watch = {"kind": "ConfigMap", "metadata": metadata}
    wish = replace(intent(), secrets=(watch,))
    chosen = plan(wish, around)
    assert [str(a) for a in chosen.actions] == ["apply ConfigMap orders-secrets-watch"]
    assert chosen.outcome == Done()


def test_only_of_a_new_database_it_is_said_that_no_instance_accepts_writes_yet() -> None:
    around = settled(intent(), observed(members(1)))
    nobody = replace(around, leadership=replace(around.leadership, holder=None))
    outcome = plan(intent(), nobody).outcome
    assert (outcome.reason, outcome.message) == ("Creating", "no instance accepts writes yet")
    served = decode({**complete_database(), "status": {"currentVersion": "17.6"}})
    outcome = plan(intent(served), nobody).outcome
    assert (outcome.reason, outcome.message) == ("NoPrimary", "no instance accepts writes")
