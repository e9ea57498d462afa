"""Volumes, as a plan makes them grow, and what it says where they do not come."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from controller.observe.state import StorageClass
from controller.plan.actions import Apply, DeletePod, GrowClaim
from controller.plan.outcome import Done, Stalled, Waiting
from controller.plan.planner import plan
from tests.states import OLD, claim, intent, members, observed, pod, settled

GROWING = {"fast": StorageClass(expandable=True)}
FIXED = {"fast": StorageClass(expandable=False)}


def test_two_claims_are_grown_and_a_large_one_is_left() -> None:
    wish = intent(replicas=2, storage={"size": "20Gi"})
    around = settled(
        wish, observed(members(2), claims=(claim(0), claim(1, requested="20Gi")), storage_classes=GROWING)
    )
    chosen = plan(wish, around)
    assert [a for a in chosen.actions if isinstance(a, GrowClaim)] == [
        GrowClaim("data-orders-0", "20Gi", "storage.size 10Gi -> 20Gi")
    ]


def test_a_missing_storage_class_is_named_with_those_that_exist() -> None:
    wish = intent(storage={"size": "10Gi", "storageClassName": "nope"})
    pending = observed((pod(0, ready=False),), claims=(claim(0, bound=False),), storage_classes=FIXED)
    chosen = plan(wish, settled(wish, pending))
    assert chosen.outcome == Stalled(
        "StorageClassNotFound", "StorageClass nope does not exist; available: fast"
    )


def test_where_classes_may_not_be_read_volumes_are_asked_to_grow_and_none_is_missed() -> None:
    wish = intent(replicas=2, storage={"size": "20Gi", "storageClassName": "unknown"})
    around = settled(wish, observed(members(2), claims=(claim(0), claim(1)), storage_classes=None))
    grown = [a.name for a in plan(wish, around).actions if isinstance(a, GrowClaim)]
    assert grown == ["data-orders-0", "data-orders-1"]
    pending = observed((pod(0, ready=False),), claims=(claim(0, bound=False),), storage_classes=None)
    assert isinstance(plan(wish, settled(wish, pending)).outcome, Waiting)


def test_a_volume_that_cannot_grow_is_told_and_nothing_else_stops() -> None:
    wish = intent(storage={"size": "20Gi"})
    around = settled(wish, observed(members(1), storage_classes=FIXED))
    chosen = plan(wish, around)
    assert chosen.actions == ()
    message = "StorageClass fast does not allow volumes to grow to 20Gi: data-orders-0 (10Gi)"
    assert chosen.outcome == Stalled("VolumeCannotGrow", message)


def test_a_volume_that_is_growing_is_told_until_it_is_large_enough() -> None:
    wish = intent(storage={"size": "20Gi"})
    asked = claim(0, requested="20Gi", resize="NodeResizePending")
    around = settled(wish, observed(members(1), claims=(asked,), storage_classes=GROWING))
    assert plan(wish, around).outcome == Waiting(
        30, "VolumesGrowing", "data-orders-0 10Gi -> 20Gi NodeResizePending"
    )
    grown = replace(around, claims=(claim(0, requested="20Gi", capacity="20480Mi"),))
    assert plan(wish, settled(wish, grown)).outcome == Done()


@pytest.mark.parametrize("state", ["ControllerResizeInfeasible", "NodeResizeInfeasible"])
def test_storage_that_refuses_to_grow_is_told(state: str) -> None:
    wish = intent(storage={"size": "20Gi"})
    words = "(ControllerResizeError since 2026-11-27T10:00:00Z: no room)"
    failed = claim(0, requested="20Gi", resize=state, resize_since=words)
    around = settled(wish, observed(members(1), claims=(failed,), storage_classes=GROWING))
    message = "the storage refused to grow volumes, see the claims' events: "
    message += f"data-orders-0 10Gi -> 20Gi {state} {words}"
    assert plan(wish, around).outcome == Stalled("VolumeCannotGrow", message)


@pytest.mark.parametrize(
    ("full_ones", "told"),
    [
        ((1,), "orders-1 (data-orders-1, 10Gi)"),
        ((0, 1), "orders-0 (data-orders-0, 10Gi), orders-1 (data-orders-1, 10Gi)"),
    ],
)
def test_a_full_disk_is_named_with_what_to_do(full_ones: tuple[int, ...], told: str) -> None:
    wish = intent(replicas=2, storage={"size": "10Gi"})
    instances = tuple(replace(i, disk_full=i.ordinal in full_ones) for i in members(2))
    chosen = plan(wish, settled(wish, observed(instances, storage_classes=GROWING)))
    advice = "increase spec.storage.size, a full volume can grow"
    assert chosen.outcome == Stalled("DiskFull", f"disk full: {told}; {advice}")


def test_a_full_disk_is_told_before_what_comes_of_it() -> None:
    wish = intent(replicas=2, storage={"size": "10Gi"})
    broken = pod(1, ready=False, streaming=False, state="start failed", disk_full=True)
    around = observed((pod(0, "primary"), broken), storage_classes=GROWING, idle={})
    outcome = plan(wish, settled(wish, around)).outcome
    assert outcome.reason == "DiskFull"


def test_a_full_disk_that_grows_is_growing_and_one_that_cannot_says_so() -> None:
    wish = intent(storage={"size": "20Gi"})
    asked = claim(0, requested="20Gi")
    around = observed((pod(0, "primary", disk_full=True),), claims=(asked,), storage_classes=GROWING)
    assert plan(wish, settled(wish, around)).outcome.reason == "VolumesGrowing"
    fixed = observed((pod(0, "primary", disk_full=True),), storage_classes=FIXED)
    outcome = plan(wish, settled(wish, fixed)).outcome
    assert outcome == Stalled(
        "DiskFull",
        "disk full: orders-0 (data-orders-0, 10Gi); "
        "StorageClass fast does not allow volumes to grow to 20Gi: data-orders-0 (10Gi)",
    )


def test_a_disk_that_has_just_grown_is_not_called_full_before_its_instance_has_looked_again() -> None:
    wish = intent(storage={"size": "20Gi"})
    large = claim(0, requested="20Gi", capacity="20Gi")
    around = settled(
        wish,
        observed((pod(0, "primary", disk_full=True),), claims=(large,), grown=frozenset({"data-orders-0"})),
    )
    told = "data-orders-0: larger now, free space not yet reported"
    assert plan(wish, around).outcome == Waiting(2, "VolumesGrowing", told)
    assert plan(wish, replace(around, grown=frozenset())).outcome.reason == "DiskFull"


def test_nothing_is_restarted_while_a_disk_is_full() -> None:
    wish = intent(replicas=2)
    old = replace(pod(1), revision=OLD, disk_full=True)
    around = settled(wish, observed((pod(0, "primary"), old)))
    chosen = plan(wish, around)
    assert (chosen.actions, chosen.outcome.reason) == ((), "DiskFull")
    roomy = replace(around, instances=(pod(0, "primary"), replace(old, disk_full=False)))
    assert any(isinstance(action, DeletePod) for action in plan(wish, roomy).actions)


def test_a_slip_of_the_size_is_taken_back_as_far_as_no_volume_has_grown() -> None:
    wish = intent(storage={"size": "30Gi"})
    slipped = claim(0, requested="60Ti", capacity="20Gi")
    around = settled(wish, observed(members(1), claims=(slipped,), storage_classes=GROWING))
    lowered = [action for action in plan(wish, around).actions if isinstance(action, GrowClaim)]
    assert [(action.name, action.size) for action in lowered] == [("data-orders-0", "30Gi")]


def test_a_volume_that_has_grown_already_is_left_as_it_is() -> None:
    wish = intent(storage={"size": "30Gi"})
    grown = claim(0, requested="60Gi", capacity="60Gi")
    around = settled(wish, observed(members(1), claims=(grown,), storage_classes=GROWING))
    assert not [action for action in plan(wish, around).actions if isinstance(action, GrowClaim)]


def test_a_growth_that_does_not_come_says_since_when_and_why() -> None:
    wish = intent(storage={"size": "20Gi"})
    words = "(Resizing since 2026-11-27T10:00:00Z: no room)"
    asked = claim(0, requested="20Gi", resize="ControllerResizeInProgress", resize_since=words)
    around = settled(wish, observed(members(1), claims=(asked,), storage_classes=GROWING))
    outcome = plan(wish, around).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.message == f"data-orders-0 10Gi -> 20Gi ControllerResizeInProgress {words}"


@pytest.mark.parametrize(
    ("capacities", "kept"),
    [(("1Gi", "1Gi"), "204MB"), (("1Gi", "20Gi"), "204MB"), (("20Gi", "20Gi"), "4096MB"), ((), "2048MB")],
)
def test_slots_are_bounded_by_the_smallest_volume(capacities: tuple[str, ...], kept: str) -> None:
    claims = tuple(claim(n, capacity=capacity) for n, capacity in enumerate(capacities))
    around = observed(members(1), claims=claims)
    config = next(
        a.manifest
        for a in plan(intent(storage={"size": "10Gi"}), around).actions
        if isinstance(a, Apply) and a.manifest["kind"] == "ConfigMap"
    )
    parameters = json.loads(config["metadata"]["annotations"]["config"])["postgresql"]["parameters"]
    assert parameters["max_slot_wal_keep_size"] == kept


@pytest.mark.parametrize(
    ("replicas", "volumes", "each"),
    [(1, 1, "24"), (9, 3, "24"), (10, 3, "48"), (3, 10, "48"), (26, 3, "96"), (100, 0, "384")],
)
def test_there_are_senders_and_slots_for_every_instance_that_may_come(
    replicas: int, volumes: int, each: str
) -> None:
    wish = replace(intent(replicas=replicas), maximum=30)
    around = observed(members(1), claims=tuple(claim(n) for n in range(volumes)))
    applied = [a.manifest for a in plan(wish, around).actions if isinstance(a, Apply)]
    writes = {(m["kind"], m["metadata"]["name"]): m for m in applied}
    config = json.loads(writes["ConfigMap", "orders-config"]["metadata"]["annotations"]["config"])
    parameters = config["postgresql"]["parameters"]
    assert (parameters["max_wal_senders"], parameters["max_replication_slots"]) == (each, each)
    assert int(each) >= 2 * (replicas - 1)
    pods = writes["Role", "orders-patroni"]["rules"][-1]["resourceNames"]
    assert len(pods) == max(replicas, 30)


def test_a_size_taken_back_to_what_the_volumes_have_is_reached() -> None:
    wish = intent(storage={"size": "20Gi"})
    for state in ("", "ControllerResizeInfeasible"):
        slipped = claim(0, requested="60Ti", capacity="20Gi", resize=state)
        around = settled(wish, observed(members(1), claims=(slipped,), storage_classes=GROWING))
        assert plan(wish, around).outcome == Done(), state


def test_a_claim_that_an_application_would_prune_is_kept_from_it_whatever_else_is_under_way() -> None:
    wish = intent(replicas=2)
    around = settled(wish, observed(members(2)))
    busy = (pod(0, "primary"), pod(1, revision=OLD))
    chosen = plan(wish, replace(around, instances=busy, claims=(claim(0), claim(1, prunable=True))))
    assert [str(action) for action in chosen.actions] == [
        "keep claim data-orders-1 from being pruned",
        "restart pod orders-1",
    ]
