"""Volumes, as a plan makes them grow, and what it says where they do not come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.observe.world import StorageClass
from controller.plan.actions import DeletePod, GrowClaim
from controller.plan.outcome import Done, Stalled, Waiting
from controller.plan.planner import plan
from tests.worlds import OLD, claim, intent, members, pod, settled, world

GROWING = {"fast": StorageClass(expandable=True)}
FIXED = {"fast": StorageClass(expandable=False)}


def test_two_claims_are_grown_and_a_large_one_is_left() -> None:
    wish = intent(replicas=2, storage={"size": "20Gi"})
    around = settled(
        wish, world(members(2), claims=(claim(0), claim(1, requested="20Gi")), storage_classes=GROWING)
    )
    chosen = plan(wish, around)
    assert [a for a in chosen.actions if isinstance(a, GrowClaim)] == [
        GrowClaim("data-orders-0", "20Gi", "storage.size 10Gi -> 20Gi")
    ]


def test_a_missing_storage_class_is_named_with_those_that_exist() -> None:
    wish = intent(storage={"size": "10Gi", "storageClassName": "nope"})
    pending = world((pod(0, ready=False),), claims=(claim(0, bound=False),), storage_classes=FIXED)
    chosen = plan(wish, settled(wish, pending))
    assert chosen.outcome == Stalled(
        "StorageClassNotFound", "StorageClass nope does not exist; available: fast"
    )


def test_a_volume_that_cannot_grow_is_told_and_nothing_else_stops() -> None:
    wish = intent(storage={"size": "20Gi"})
    around = settled(wish, world(members(1), storage_classes=FIXED))
    chosen = plan(wish, around)
    assert chosen.actions == ()
    message = "StorageClass fast does not allow volumes to grow to 20Gi: data-orders-0 (10Gi)"
    assert chosen.outcome == Stalled("VolumeCannotGrow", message)


def test_a_volume_that_is_growing_is_told_until_it_is_large_enough() -> None:
    wish = intent(storage={"size": "20Gi"})
    asked = claim(0, requested="20Gi", resize="NodeResizePending")
    around = settled(wish, world(members(1), claims=(asked,), storage_classes=GROWING))
    assert plan(wish, around).outcome == Waiting(
        30, "VolumesGrowing", "data-orders-0 10Gi -> 20Gi NodeResizePending"
    )
    grown = replace(around, claims=(claim(0, requested="20Gi", capacity="20480Mi"),))
    assert plan(wish, grown).outcome == Done()


@pytest.mark.parametrize("state", ["ControllerResizeInfeasible", "NodeResizeInfeasible"])
def test_storage_that_refuses_to_grow_is_told(state: str) -> None:
    wish = intent(storage={"size": "20Gi"})
    failed = claim(0, requested="20Gi", resize=state)
    around = settled(wish, world(members(1), claims=(failed,), storage_classes=GROWING))
    message = "the storage refused to grow volumes, see the claims' events: data-orders-0 (10Gi of 20Gi)"
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
    chosen = plan(wish, settled(wish, world(instances, storage_classes=GROWING)))
    advice = "increase spec.storage.size, a full volume can grow"
    assert chosen.outcome == Stalled("DiskFull", f"disk full: {told}; {advice}")


def test_a_full_disk_is_told_before_what_comes_of_it() -> None:
    wish = intent(replicas=2, storage={"size": "10Gi"})
    broken = pod(1, ready=False, streaming=False, state="start failed", disk_full=True)
    around = world((pod(0, "primary"), broken), storage_classes=GROWING, idle={})
    outcome = plan(wish, settled(wish, around)).outcome
    assert outcome.reason == "DiskFull"


def test_a_full_disk_that_grows_is_growing_and_one_that_cannot_says_so() -> None:
    wish = intent(storage={"size": "20Gi"})
    asked = claim(0, requested="20Gi")
    around = world((pod(0, "primary", disk_full=True),), claims=(asked,), storage_classes=GROWING)
    assert plan(wish, settled(wish, around)).outcome.reason == "VolumesGrowing"
    fixed = world((pod(0, "primary", disk_full=True),), storage_classes=FIXED)
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
        world((pod(0, "primary", disk_full=True),), claims=(large,), grown=frozenset({"data-orders-0"})),
    )
    told = "data-orders-0: larger now, free space not yet reported"
    assert plan(wish, around).outcome == Waiting(2, "VolumesGrowing", told)
    assert plan(wish, replace(around, grown=frozenset())).outcome.reason == "DiskFull"


def test_nothing_is_restarted_while_a_disk_is_full() -> None:
    wish = intent(replicas=2)
    old = replace(pod(1), revision=OLD, disk_full=True)
    around = settled(wish, world((pod(0, "primary"), old)))
    chosen = plan(wish, around)
    assert (chosen.actions, chosen.outcome.reason) == ((), "DiskFull")
    roomy = replace(around, instances=(pod(0, "primary"), replace(old, disk_full=False)))
    assert any(isinstance(action, DeletePod) for action in plan(wish, roomy).actions)
