from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local import provisioner, storage
from deploy.local.provisioner import Grow, Provision, Remove, plan
from deploy.local.state import StateFolder

UID = "11111111-2222-3333-4444-555555555555"
NAME = f"pvc-{UID}"


def claim(
    *,
    size: str = "1Gi",
    node: str | None = "node-2",
    storage_class: str = "keddah-local",
    has: str | None = None,
) -> dict[str, Any]:
    annotations = {"volume.kubernetes.io/selected-node": node} if node else {}
    return {
        "metadata": {"namespace": "shop", "name": "data", "uid": UID, "annotations": annotations},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
        },
        "status": {"capacity": {"storage": has}} if has else {"phase": "Pending"},
    }


def volume(*, size: str = "1Gi", phase: str = "Bound", reclaim: str = "Delete") -> dict[str, Any]:
    made = storage.persistent_volume(claim(size=size), "node-2", Path("/volumes/x"))
    made["status"] = {"phase": phase}
    made["spec"]["persistentVolumeReclaimPolicy"] = reclaim
    return made


@pytest.mark.parametrize(
    ("quantity", "size"),
    [("10Gi", 10 * 1024**3), ("1.5Gi", 3 * 512 * 1024**2), ("1G", 10**9), ("400000000", 400_000_000)],
)
def test_a_quantity_is_read_as_kubernetes_reads_it(quantity: str, size: int) -> None:
    assert storage.bytes_of(quantity) == size


def test_a_volume_is_never_smaller_than_its_file_system_can_be() -> None:
    assert storage.bytes_of("1Mi") == storage.MINIMUM
    assert storage.capacity("1Mi") == "300Mi"
    assert storage.capacity("10Gi") == "10Gi"


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="ten"):
        storage.bytes_of("ten")


def test_a_claim_waits_until_the_scheduler_has_chosen_a_node() -> None:
    assert plan([claim(node=None)], {}) == []


def test_a_claim_with_a_node_gets_a_volume_there() -> None:
    wanted = claim()
    assert plan([wanted], {}) == [Provision(NAME, "node-2", wanted)]


def test_a_claim_of_another_provisioner_is_left_alone() -> None:
    assert plan([claim(storage_class="standard")], {}) == []


def test_a_claim_that_is_going_gets_no_volume() -> None:
    going = claim()
    going["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    assert plan([going], {}) == []


def test_a_size_that_was_refused_is_not_tried_again_and_another_is() -> None:
    wanted = claim(size="60Ti", has="1Gi")
    wanted["status"] |= storage.refused("60Ti", "no room", datetime(2026, 11, 29, tzinfo=UTC))
    assert plan([wanted], {NAME: volume()}) == []
    wanted["spec"]["resources"]["requests"]["storage"] = "2Gi"
    assert plan([wanted], {NAME: volume()}) == [Grow(NAME, "node-2", wanted)]


def test_a_volume_does_not_grow_beyond_the_disk(tmp_path: Path) -> None:
    small = storage.Volume(StateFolder(tmp_path), "node-2", NAME)
    small.file.parent.mkdir(parents=True)
    small.file.write_bytes(bytes(4096))
    with pytest.raises(storage.NoRoomError, match=r"no room on the disk of node-2: \d+ MiB needed"):
        small.grow(storage.bytes_of("60Ti"))
    assert small.file.stat().st_size == 4096


def test_a_claim_that_asks_for_more_than_it_has_grows() -> None:
    wanted = claim(size="2Gi", has="1Gi")
    assert plan([wanted], {NAME: volume(size="1Gi")}) == [Grow(NAME, "node-2", wanted)]


def test_growth_that_stopped_before_the_claim_was_told_is_finished() -> None:
    wanted = claim(size="2Gi", has="1Gi")
    assert plan([wanted], {NAME: volume(size="2Gi")}) == [Grow(NAME, "node-2", wanted)]


def test_a_claim_that_has_what_it_asks_for_needs_nothing() -> None:
    assert plan([claim(size="2Gi", has="2Gi")], {NAME: volume(size="2Gi")}) == []


def test_a_claim_that_is_not_bound_yet_does_not_grow() -> None:
    assert plan([claim(size="2Gi")], {NAME: volume(size="1Gi")}) == []


def test_a_released_volume_is_removed() -> None:
    assert plan([], {NAME: volume(phase="Released")}) == [Remove(NAME, "node-2")]


@pytest.mark.parametrize("kept", [volume(), volume(phase="Released", reclaim="Retain")])
def test_a_volume_in_use_or_to_be_retained_stays(kept: dict[str, Any]) -> None:
    assert plan([], {NAME: kept}) == []


def test_a_volume_that_somebody_else_made_is_never_removed() -> None:
    foreign = volume(phase="Released")
    foreign["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "elsewhere"}
    assert plan([], {NAME: foreign}) == []


def test_a_volume_is_bound_to_its_claim_by_uid_and_to_its_node() -> None:
    made = volume()
    assert made["spec"]["claimRef"]["uid"] == UID
    assert provisioner.plan([], {NAME: {**made, "status": {"phase": "Released"}}})[0].node == "node-2"
