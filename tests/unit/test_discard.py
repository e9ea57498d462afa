from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.observe.instances.pods import Trouble
from controller.observe.state import Leadership, Node, ObservedState
from controller.plan.actions import Discard
from controller.plan.instances.discard import decide, discard, kept
from controller.plan.outcome import Done, Hold, Waiting
from controller.plan.planner import plan
from tests.states import claim, intent, observed, pod, settled

READY = {f"node-{n}": Node(ready=True, cordoned=False) for n in range(2)}
LEAD = Leadership("orders-0", frozenset({"orders-1"}), last_primary="orders-0", initialized=True)
GIVEN_UP = "uid-data-orders-2"
NOWHERE = Trouble("Unschedulable", "2 node(s) didn't match PersistentVolume's node affinity")
NO_CLAIM = 'persistentvolumeclaim "data-orders-2" not found'
REASON = "the annotation keddah.dev/discard asks for it"


def lost(discarded: int = 2, uid: str = GIVEN_UP, **third: Any) -> ObservedState:  # noqa: ANN401
    """Give three instances, the last of which waits for a node that is gone, and one claim given up."""
    unscheduled: dict[str, Any] = {"ready": False, "streaming": False, "node": "", "trouble": NOWHERE}
    claims = tuple(claim(n, discard=uid if n == discarded else "") for n in range(3))
    instances = (pod(0, "primary"), pod(1), pod(2, **(unscheduled | third)))
    return observed(instances, claims=claims, nodes=READY, leadership=LEAD)


def test_a_volume_that_was_given_up_goes_with_its_pod() -> None:
    assert discard(lost()) == Discard("data-orders-2", GIVEN_UP, "orders-2", "uid-2", REASON)


def test_a_volume_that_nobody_gave_up_stays() -> None:
    assert discard(lost(discarded=9)) is None
    assert kept(lost(discarded=9)) is None


@pytest.mark.parametrize(
    ("world_changes", "why"),
    [
        ({"leadership": replace(LEAD, paused=True)}, "Patroni is paused"),
        ({"leadership": Leadership()}, "no ready primary"),
        ({"leadership": replace(LEAD, last_primary="orders-2")}, "orders-2 acknowledged the newest commits"),
        ({"nodes": {}}, "the last good copy"),
        ({"nodes": {"node-0": Node(ready=False, cordoned=False)}}, "the last good copy"),
        ({"instances": (pod(0, "primary", ready=False), pod(1), pod(2))}, "no ready primary"),
        ({"instances": (pod(0, "primary"), pod(2))}, "the only standby that could take over"),
        ({"instances": (pod(0, "primary"), pod(1, ready=False), pod(2))}, "the only standby that could"),
    ],
)
def test_every_doubt_keeps_the_volume(world_changes: dict[str, Any], why: str) -> None:
    refused(replace(lost(), **world_changes), why)


def test_no_volume_goes_after_the_primary_could_not_deliver_a_copy() -> None:
    around = lost()
    failing = replace(around.instances[1], ready=False, streaming=False, copy="source-damaged")
    around = replace(around, instances=(around.instances[0], failing, around.instances[2]))
    refused(around, "could not deliver a whole copy to orders-1, so this may be the last good copy")
    cut_off = replace(failing, copy="failed")
    assert isinstance(
        discard(replace(around, instances=(around.instances[0], cut_off, around.instances[2]))), Discard
    )


@pytest.mark.parametrize("uid", ["yes", "uid-of-an-older-claim"])
def test_only_its_own_uid_gives_a_volume_up(uid: str) -> None:
    refused(lost(uid=uid), f"keddah.dev/discard must be its UID, {GIVEN_UP}")


def test_the_volume_of_the_primary_stays() -> None:
    refused(lost(discarded=0, uid="uid-data-orders-0"), "it belongs to the primary, orders-0")


def refused(around: ObservedState, why: str) -> None:
    doomed = next(c for c in around.claims if c.discard)
    decision = decide(doomed, around)
    assert isinstance(decision, Hold)
    assert why in decision.reason
    assert discard(around) is None
    said = kept(around)
    assert said is not None
    assert (said.reason, said.message) == ("DiscardRefused", f"{doomed.name} is kept: {decision.reason}")


def test_a_standby_that_serves_goes_when_another_could_take_over() -> None:
    fit = lost(ready=True, streaming=True, node="node-1", trouble=None)
    assert isinstance(discard(fit), Discard)


def test_a_standby_that_may_not_take_over_is_no_other() -> None:
    fit = lost(ready=True, streaming=True, node="node-1", trouble=None)
    refused(replace(fit, leadership=replace(LEAD, synchronous=frozenset({"orders-2"}))), "the only standby")


def test_a_standby_that_does_not_serve_goes_though_no_other_could_take_over() -> None:
    around = lost()
    alone = (around.instances[0], replace(around.instances[1], ready=False), around.instances[2])
    assert isinstance(discard(replace(around, instances=alone)), Discard)


def test_a_volume_without_pod_goes_alone() -> None:
    around = lost()
    expected = Discard("data-orders-2", GIVEN_UP, "", "", REASON)
    assert discard(replace(around, instances=around.instances[:2])) == expected
    assert discard(lost(deleting=True)) == expected


def test_a_deletion_that_was_interrupted_is_finished() -> None:
    around = lost(node="node-1")
    going = replace(around, claims=(*around.claims[:2], replace(around.claims[2], deleting=True)))
    assert isinstance(discard(going), Discard)


def test_what_is_on_its_way_out_is_not_asked_again() -> None:
    for around in (lost(), lost(node="node-1", deleting=True)):
        going = replace(around, claims=(*around.claims[:2], replace(around.claims[2], deleting=True)))
        assert discard(going) is None
        assert kept(going) is None


def test_the_plan_discards_before_it_copies_or_rolls() -> None:
    wish = intent(replicas=3)
    chosen = plan(wish, settled(wish, lost()))
    assert [str(action) for action in chosen.actions] == ["discard data-orders-2"]
    assert isinstance(chosen.outcome, Waiting)
    assert chosen.outcome.reason == "DiscardingVolume"


def test_a_pod_without_a_place_is_told_of_with_the_way_out() -> None:
    wish = intent(replicas=3)
    outcome = plan(wish, settled(wish, lost(discarded=9))).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.message.endswith(f"kubectl annotate pvc data-orders-2 keddah.dev/discard={GIVEN_UP}")


@pytest.mark.parametrize(
    "changes",
    [
        {"leadership": replace(LEAD, last_primary="orders-2")},
        {"claims": ()},
        {"claims": (claim(2, deleting=True),)},
        {
            "instances": (
                pod(0, "primary"),
                pod(1),
                pod(2, ready=False, trouble=Trouble("Unschedulable", NO_CLAIM)),
            ),
            "claims": (),
        },
    ],
)
def test_no_way_out_is_shown_that_would_lose_data_or_not_help(changes: dict[str, Any]) -> None:
    wish = intent(replicas=3)
    outcome = plan(wish, replace(settled(wish, lost(discarded=9)), **changes)).outcome
    assert outcome.reason == "Unschedulable"
    assert "kubectl" not in outcome.message


@pytest.mark.parametrize(
    "there",
    [
        "1 node(s) were unschedulable",
        "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }",
        "1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }",
    ],
)
def test_no_way_out_is_shown_while_a_node_may_come_back_that_has_the_volume(there: str) -> None:
    wish = intent(replicas=3)
    drained = Trouble("Unschedulable", f"0/3 nodes are available: {there}, {NOWHERE.message}")
    outcome = plan(wish, settled(wish, lost(discarded=9, trouble=drained))).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.message == f"orders-2: {drained.message}"


def test_a_refusal_leaves_the_database_ready() -> None:
    wish = intent(replicas=3)
    fit = lost(uid="yes", ready=True, streaming=True, node="node-1", trouble=None)
    outcome = plan(wish, settled(wish, fit)).outcome
    assert not isinstance(outcome, Done)
    assert outcome.reason == "DiscardRefused"
