from __future__ import annotations

import json
from typing import Any

import pytest

from controller.observe.instances.manifests import claim, instance, leadership, node
from controller.observe.instances.pods import Trouble
from controller.observe.state import Node, ordinal
from controller.watches.cache import Cache


def pod(
    status: dict[str, Any] | None = None, *, member: dict[str, Any] | str | None = None, **labels: str
) -> dict[str, Any]:
    text = member if isinstance(member, str) else json.dumps(member or {})
    return {
        "metadata": {
            "name": "orders-1",
            "uid": "u",
            "labels": {"controller-revision-hash": "r", **labels},
            "annotations": {"status": text},
        },
        "spec": {"nodeName": "node-2"},
        "status": status or {},
    }


def waiting(reason: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "because"}}
    return {"containerStatuses": [{"name": "postgres", "state": state}]}


def test_a_streaming_standby_is_read_whole() -> None:
    member = {"state": "running", "replication_state": "streaming", "xlog_location": 77, "timeline": 2}
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "192.0.2.7"}
    seen = instance(pod(ready, member=member, **{"keddah.dev/role": "standby"}))
    assert (seen.ordinal, seen.ip, seen.node, seen.revision) == (1, "192.0.2.7", "node-2", "r")
    assert (seen.role, seen.state, seen.position, seen.fit) == ("standby", "running", 77, True)


def test_a_pod_without_patroni_is_nothing_yet() -> None:
    seen = instance(pod())
    assert (seen.role, seen.state, seen.ready, seen.fit, seen.pending_restart) == (
        None,
        "",
        False,
        False,
        None,
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"'])
def test_an_annotation_that_is_no_object_counts_as_empty(text: str) -> None:
    assert instance(pod(member=text)).state == ""


def test_pending_restart_tells_old_and_new_values() -> None:
    reason = {"max_connections": {"old_value": "100", "new_value": "150"}}
    member = {"pending_restart": True, "pending_restart_reason": reason}
    assert instance(pod(member=member)).pending_restart == {"max_connections": ("100", "150")}


def test_a_restart_that_would_change_nothing_is_not_pending() -> None:
    same = {"shared_preload_libraries": {"old_value": "", "new_value": ""}}
    member: dict[str, Any] = {"pending_restart": True, "pending_restart_reason": same}
    assert instance(pod(member=member)).pending_restart is None
    assert instance(pod(member={"pending_restart": True})).pending_restart == {}
    member["pending_restart_reason"] = same | {"jit_provider": {"old_value": "a", "new_value": "b"}}
    assert instance(pod(member=member)).pending_restart == {"jit_provider": ("a", "b")}


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ErrImagePull", "ImageNotPulled"),
        ("ImagePullBackOff", "ImageNotPulled"),
        ("SignatureValidationFailed", "ImageNotPulled"),
        ("CrashLoopBackOff", "InstanceFailing"),
        ("CreateContainerConfigError", "InstanceFailing"),
    ],
)
def test_a_container_that_cannot_start_is_trouble(reason: str, said: str) -> None:
    assert instance(pod(waiting(reason))).trouble == Trouble(said, "because")


def test_a_container_that_is_being_created_is_no_trouble() -> None:
    assert instance(pod(waiting("ContainerCreating"))).trouble is None


def test_a_server_that_patroni_cannot_start_is_trouble() -> None:
    trouble = instance(pod(member={"state": "start failed"})).trouble
    assert trouble is not None
    assert trouble.reason == "ServerNotStarting"


@pytest.mark.parametrize("state", ["stopped", "start failed", "running"])
def test_data_that_is_damaged_is_trouble_whatever_its_server_does(state: str) -> None:
    member = {"state": state, "tags": {"keddah": 1, "damage": "control-file"}}
    trouble = instance(pod(member=member)).trouble
    assert trouble == Trouble("DataDamaged", "its control file (global/pg_control) is missing or damaged")
    assert instance(pod(member={**member, "state": "creating replica"})).trouble is None


def others(
    state: dict[str, Any], *, server: bool = True, reason: str = "ContainersNotReady"
) -> dict[str, Any]:
    """Give the status of a pod of which a sidecar is not ready."""
    return {
        "conditions": [{"type": "Ready", "status": "False", "reason": reason}],
        "containerStatuses": [{"name": "postgres", "ready": server}],
        "initContainerStatuses": [{"name": "exporter", "ready": False, **state}],
    }


CRASHED = {
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
    "lastState": {"terminated": {"reason": "Error", "exitCode": 3, "message": "postgres://u:secret@h"}},
}


def test_a_sidecar_that_crashes_is_told_without_its_log_and_is_not_the_servers() -> None:
    said = "its container exporter does not keep running (Error, exit code 3); see its log"
    seen = instance(pod(others(CRASHED)))
    assert (seen.trouble, seen.beside, seen.ready) == (Trouble("SidecarFailing", said), True, False)
    before = instance(pod(others(CRASHED, server=False)))
    assert (before.trouble, before.beside) == (Trouble("SidecarFailing", said), False)


def test_a_sidecar_without_image_keeps_the_server_from_starting_and_is_told() -> None:
    state = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    seen = instance(pod(others(state, server=False)))
    assert seen.trouble == Trouble("ImageNotPulled", "exporter: no such image")


def test_a_sidecar_that_is_not_ready_is_told_once_the_server_is() -> None:
    running: dict[str, Any] = {"state": {"running": {}}}
    seen = instance(pod(others(running)))
    assert (seen.trouble, seen.beside) == (
        Trouble("SidecarNotReady", "PostgreSQL is ready, and not: exporter"),
        True,
    )
    assert instance(pod(others(running, server=False))).trouble is None


def test_what_another_takes_a_pods_ready_away_for_is_no_sidecars() -> None:
    assert not instance(pod(others(CRASHED, reason="ReadinessGatesNotReady"))).beside


def test_of_a_pod_that_ends_its_sidecars_tell_nothing() -> None:
    ending = pod(others(CRASHED))
    ending["metadata"]["deletionTimestamp"] = "2026-11-30T00:00:00Z"
    seen = instance(ending)
    assert (seen.trouble, seen.beside) == (None, False)


def test_the_servers_own_trouble_comes_first() -> None:
    trouble = instance(pod(others(CRASHED), member={"state": "start failed"})).trouble
    assert trouble is not None
    assert trouble.reason == "ServerNotStarting"


def test_an_unschedulable_pod_tells_the_schedulers_words() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}
    assert instance(pod({"conditions": [condition]})).trouble == Trouble("Unschedulable", "0/3 nodes")


ENDED = {"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": "2026-07-01T12:00:05Z"}}


def postgres(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": "postgres", "state": state, "lastState": last or {}}


@pytest.mark.parametrize(
    "status",
    [
        {"containerStatuses": [postgres(ENDED)]},
        {"containerStatuses": [postgres({"waiting": {"reason": "CrashLoopBackOff"}}, ENDED)]},
    ],
    ids=["terminated", "the kubelet waits before the next start"],
)
def test_a_container_has_ended_when_the_kubelet_says_so(status: dict[str, Any]) -> None:
    seen = instance(pod(status))
    assert seen.ended == "Error, exit code 137"
    assert seen.ended_at is not None


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"phase": "Failed", "reason": "NodeLost"},
        {"phase": "Unknown", "conditions": [{"type": "Ready", "status": "False"}]},
        {"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"containerStatuses": [postgres({"running": {}})]},
        {"containerStatuses": [postgres({"running": {}}, ENDED)]},
        {"containerStatuses": [postgres({"waiting": {"reason": "ContainerCreating"}}, ENDED)]},
        {"containerStatuses": [postgres({"running": {}}), {"name": "sidecar", "state": ENDED}]},
        {"containerStatuses": [{"name": "sidecar", "state": ENDED}]},
        {"initContainerStatuses": [postgres(ENDED)]},
        {"ephemeralContainerStatuses": [postgres(ENDED)]},
    ],
    ids=[
        "nothing is known",
        "the control plane gave the pod up",
        "the node is not heard of",
        "somebody evicts it",
        "it runs",
        "it runs again",
        "it is being started again",
        "another container ended",
        "only another container is known",
        "one that ran before it ended",
        "one that somebody debugs with ended",
    ],
)
def test_nothing_else_is_the_end_of_a_container(status: dict[str, Any]) -> None:
    seen = instance(pod(status))
    assert (seen.ended, seen.ended_at) == ("", None)


@pytest.mark.parametrize(("share", "shares"), [(True, True), (False, False), (None, False)])
def test_a_pod_tells_whether_its_containers_share_their_processes(share: object, shares: object) -> None:
    manifest = pod()
    manifest["spec"]["shareProcessNamespace"] = share
    assert instance(manifest).shares_processes is shares


def node_manifest(ready: str | None = "True", **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    conditions = [{"type": "MemoryPressure", "status": "True"}]
    conditions += [{"type": "Ready", "status": ready}] if ready else []
    metadata = {"name": "node-0", "resourceVersion": "1"}
    return {"kind": "Node", "metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


UNREACHABLE = "node.kubernetes.io/unreachable"
LEAVING = ("ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption")


@pytest.mark.parametrize(
    ("manifest", "read"),
    [
        (node_manifest(), Node(ready=True, cordoned=False)),
        (node_manifest("False"), Node(ready=False, cordoned=False)),
        (node_manifest("Unknown"), Node(ready=False, cordoned=False)),
        (node_manifest(None), Node(ready=False, cordoned=False)),
        (node_manifest(unschedulable=True), Node(ready=True, cordoned=True)),
        (node_manifest(unschedulable=False), Node(ready=True, cordoned=False)),
        (node_manifest(taints=[{"key": UNREACHABLE}]), Node(ready=True, cordoned=False)),
        *((node_manifest(taints=[{"key": key}]), Node(ready=True, cordoned=True)) for key in LEAVING),
    ],
)
def test_a_node_is_read_the_same_from_the_store(manifest: dict[str, Any], read: Node) -> None:
    cache = Cache()
    cache.put("Node", manifest)
    assert node(manifest) == node(cache.objects("Node")["node-0"]) == read


@pytest.mark.parametrize(("kind", "status"), [("PodScheduled", "True"), ("Initialized", "False")])
def test_a_pod_that_has_its_node_is_not_unschedulable(kind: str, status: str) -> None:
    assert instance(pod({"conditions": [{"type": kind, "status": status}]})).trouble is None


@pytest.mark.parametrize(
    ("member", "read"),
    [
        ({"timeline": 3, "xlog_location": 5}, (3, 5)),
        ({"timeline": "3"}, (3, None)),
        ({"timeline": "three", "xlog_location": None}, (None, None)),
        ({"timeline": 0, "xlog_location": 0}, (None, None)),
    ],
)
def test_positions_and_timelines_are_numbers_or_nothing(
    member: dict[str, Any], read: tuple[int | None, int | None]
) -> None:
    seen = instance(pod(member=member))
    assert (seen.timeline, seen.position) == read


@pytest.mark.parametrize("state", [{"running": {}}, {"waiting": {"reason": "ContainerCreating"}}])
def test_the_last_end_is_remembered_while_another_container_runs(state: dict[str, Any]) -> None:
    seen = instance(pod({"containerStatuses": [postgres(state, ENDED)]}))
    assert (seen.last_end, seen.last_end_at is not None) == ("Error, exit code 137", True)
    again = instance(pod({"containerStatuses": [postgres({"terminated": {"exitCode": 1}}, ENDED)]}))
    assert again.last_end == "Terminated, exit code 1"


def annotated(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}}


def test_leadership_is_read_from_patronis_config_maps() -> None:
    seen = leadership(
        {
            "orders-leader": annotated(leader="orders-2"),
            "orders-sync": annotated(leader="orders-2", sync_standby="orders-0,orders-1"),
            "orders-config": annotated(config='{"pause":true}', initialize="7000"),
        },
        "orders",
    )
    assert (seen.holder, seen.synchronous) == ("orders-2", frozenset({"orders-0", "orders-1"}))
    assert (seen.last_primary, seen.alone) == ("orders-2", False)
    assert [seen.eligible(f"orders-{n}") for n in (0, 1, 3)] == [True, True, False]
    assert (seen.initialized, seen.paused, seen.identifier) == (True, True, "7000")


def test_a_primary_that_commits_alone_leaves_no_standby_eligible() -> None:
    seen = leadership({"orders-sync": annotated(leader="orders-2", sync_standby="", quorum="0")}, "orders")
    assert (seen.alone, seen.eligible("orders-0")) == (True, False)
    off = leadership({"orders-sync": annotated()}, "orders")
    assert (off.alone, off.eligible("orders-0")) == (False, True)


def test_times_are_read_as_kubelet_and_patroni_write_them() -> None:
    lock = annotated(leader="orders-1", renewTime="2026-07-01T12:00:05.600000+00:00")
    renewed = leadership({"orders-leader": lock}, "orders").renewed
    state = {"terminated": {"exitCode": 137, "finishedAt": "2026-07-01T12:00:05Z"}}
    status = {
        "startTime": "2026-07-01T11:00:00Z",
        "containerStatuses": [{"name": "postgres", "state": state}],
    }
    seen = instance(pod(status))
    assert seen.started_at is not None
    assert seen.ended_at is not None
    assert renewed is not None
    assert seen.started_at < seen.ended_at < renewed
    lost = instance(pod({"startTime": "yesterday", "containerStatuses": [{"name": "postgres"}]}))
    assert (lost.started_at, lost.ended_at) == (None, None)


def test_a_database_was_made_though_its_configuration_was_deleted() -> None:
    assert leadership({"orders-leader": annotated(optime="1", transitions="3")}, "orders").initialized


def test_no_config_maps_mean_nothing_was_ever_made() -> None:
    seen = leadership({}, "orders")
    assert (seen.holder, seen.synchronous, seen.initialized, seen.paused) == (None, frozenset(), False, False)


def test_a_claim_tells_what_was_asked_and_what_was_given() -> None:
    manifest = {
        "metadata": {"name": "data-orders-3", "uid": "u"},
        "spec": {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "fast"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
    }
    seen = claim(manifest)
    assert (seen.ordinal, seen.requested, seen.capacity, seen.bound) == (3, "2Gi", "1Gi", True)


@pytest.mark.parametrize(
    ("labels", "prunable"),
    [
        ({}, False),
        ({"keddah.dev/database": "orders"}, False),
        ({"keddah.dev/database": "orders", "app.kubernetes.io/instance": "theirs"}, False),
        ({"keddah.dev/database": "orders", "app.kubernetes.io/instance": "orders"}, True),
    ],
)
def test_a_claim_that_an_application_of_the_databases_name_would_prune_is_told(
    labels: dict[str, str], prunable: object
) -> None:
    metadata = {"name": "data-orders-0", "uid": "u", "labels": labels}
    spec = {"resources": {"requests": {"storage": "2Gi"}}}
    assert claim({"metadata": metadata, "spec": spec}).prunable == prunable


@pytest.mark.parametrize(("name", "number"), [("orders-12", 12), ("data-a-1-0", 0), ("orders", -1)])
def test_the_ordinal_is_the_number_at_the_end(name: str, number: int) -> None:
    assert ordinal(name) == number
