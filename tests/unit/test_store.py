from __future__ import annotations

import json
from typing import Any

import pytest

from controller.kube.kinds import DATABASE
from controller.kube.objects import Identity, Key
from controller.watches.store import Store

KEY = Key("shop", "orders")
Manifest = dict[str, Any]


def manifest(name: str = "orders", version: int = 1, **metadata: object) -> Manifest:
    labels = {"keddah.dev/database": "orders"}
    common = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "labels": labels}
    return {"metadata": {**common, "resourceVersion": str(version), **metadata}}


def pod(version: int = 1, *, member: Manifest | None = None, **spec: object) -> Manifest:
    annotations = {"status": json.dumps(member or {})}
    return {**manifest("orders-0", version, annotations=annotations), "spec": spec}


def test_a_database_and_its_children_are_found_by_key() -> None:
    store = Store()
    assert store.put(DATABASE, manifest())
    assert store.put("Pod", pod())
    assert store.put("Service", manifest("orders-ro"))
    assert store.keys() == [KEY]
    assert (store.database(KEY) or {})["metadata"]["name"] == "orders"
    assert {kind: list(names) for kind, names in store.children(KEY).items()} == {
        "Pod": ["orders-0"],
        "Service": ["orders-ro"],
    }


def test_children_of_another_namespace_or_without_the_label_are_not_the_databases() -> None:
    store = Store()
    store.put("Service", manifest("orders", namespace="other"))
    store.put("Service", manifest("stranger", labels={}))
    assert store.children(KEY) == {}


def test_older_news_never_replaces_newer() -> None:
    store = Store()
    assert store.put("Service", {**manifest(version=7), "spec": {"type": "ours"}})
    assert not store.put("Service", {**manifest(version=6), "spec": {"type": "late"}})
    assert store.children(KEY)["Service"]["orders"]["spec"] == {"type": "ours"}


def test_the_reply_to_a_write_does_not_raise_the_dead() -> None:
    store = Store()
    store.put("Service", manifest(version=5))
    assert store.drop("Service", manifest(version=9))
    assert not store.put("Service", manifest(version=8))
    assert store.children(KEY) == {}
    assert store.put("Service", manifest(version=10))


def test_the_late_end_of_a_predecessor_leaves_the_successor() -> None:
    store = Store()
    store.put("Service", manifest(version=12, uid="new"))
    assert not store.drop("Service", manifest(version=11, uid="old"))
    assert "orders" in store.children(KEY)["Service"]


def test_an_unknown_objects_end_is_no_news() -> None:
    assert not Store().drop("Service", manifest())


def test_a_successor_of_the_same_name_is_news_even_if_it_looks_the_same() -> None:
    store = Store()
    store.put("Service", manifest(version=1, uid="old"))
    assert store.put("Service", manifest(version=2, uid="new"))


def test_our_own_status_write_is_no_news() -> None:
    store = Store()
    store.put(DATABASE, manifest(version=1, generation=1))
    assert not store.put(DATABASE, {**manifest(version=2, generation=1), "status": {"readyReplicas": 3}})
    assert (store.database(KEY) or {})["status"] == {"readyReplicas": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2},
        {"deletionTimestamp": "2026-11-23T00:00:00Z"},
        {"labels": {"team": "a"}},
        {"annotations": {"note": "a"}},
        {"finalizers": ["keddah.dev/deletion"]},
    ],
)
def test_what_a_user_did_to_the_database_is_news(change: Manifest) -> None:
    store = Store()
    store.put(DATABASE, manifest(version=1, generation=1))
    assert store.put(DATABASE, manifest(version=2, **{"generation": 1, **change}))


def test_patronis_heartbeat_is_no_news_but_a_new_leader_is() -> None:
    store = Store()
    lock = {"leader": "orders-0", "renewTime": "1", "optime": "1"}
    store.put("ConfigMap", manifest("orders-leader", 1, annotations=lock))
    assert not store.put(
        "ConfigMap", manifest("orders-leader", 2, annotations={**lock, "renewTime": "2", "optime": "9"})
    )
    assert store.put("ConfigMap", manifest("orders-leader", 3, annotations={**lock, "leader": "orders-1"}))


def test_a_members_position_is_no_news_but_is_kept_and_its_state_is_news() -> None:
    store = Store()
    store.put("Pod", pod(1, member={"state": "running", "xlog_location": 1}))
    assert not store.put("Pod", pod(2, member={"state": "running", "xlog_location": 2}))
    assert '"xlog_location": 2' in store.children(KEY)["Pod"]["orders-0"]["metadata"]["annotations"]["status"]
    assert store.put("Pod", pod(3, member={"state": "stopped", "xlog_location": 2}))


def node(version: int, *, heard: str = "1", ready: str = "True", **spec: object) -> Manifest:
    status = {"conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": heard}]}
    metadata = {"name": "node-0", "resourceVersion": str(version), "annotations": {"heard": heard}}
    return {"metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(
    "change",
    [
        {"ready": "Unknown"},
        {"unschedulable": True},
        {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]},
    ],
)
def test_a_nodes_heartbeat_is_no_news_but_what_it_does_to_its_pods_is(change: Manifest) -> None:
    store = Store()
    store.put("Node", node(1))
    assert not store.put("Node", node(2, heard="2", taints=[{"key": "theirs", "effect": "NoSchedule"}]))
    assert store.put("Node", node(3, **change))


@pytest.mark.parametrize("text", ["{broken", "[1]", "", "null"])
def test_whatever_stands_in_a_members_annotation_is_survived(text: str) -> None:
    assert Store().put("Pod", manifest("orders-0", annotations={"status": text}))


def test_of_a_pod_only_what_is_read_is_kept() -> None:
    store = Store()
    container = {"name": "postgres", "image": "i", "env": [{"name": "A", "value": "b"}]}
    store.put("Pod", pod(nodeName="n1", containers=[container], volumes=[{}]))
    kept = store.children(KEY)["Pod"]["orders-0"]["spec"]
    assert kept == {"nodeName": "n1", "containers": [{"name": "postgres", "image": "i"}]}


def test_managed_fields_are_not_kept() -> None:
    store = Store()
    store.put("Service", manifest(managedFields=[{"manager": "keddah"}]))
    assert "managedFields" not in store.children(KEY)["Service"]["orders"]["metadata"]


def test_a_child_that_changes_its_label_changes_its_database() -> None:
    store = Store()
    store.put("Service", manifest("x", 1))
    store.put("Service", manifest("x", 2, labels={"keddah.dev/database": "other"}))
    assert store.children(KEY) == {}
    assert list(store.children(Key("shop", "other"))["Service"]) == ["x"]
    assert store.owner("Service", Identity("shop", "x")) == Key("shop", "other")


def test_readers_cannot_spoil_the_store() -> None:
    store = Store()
    store.put("Service", manifest())
    store.children(KEY)["Service"]["orders"]["metadata"]["name"] = "spoilt"
    assert store.children(KEY)["Service"]["orders"]["metadata"]["name"] == "orders"


def test_objects_of_the_cluster_are_found_by_name() -> None:
    store = Store()
    store.put("StorageClass", {"metadata": {"name": "fast", "resourceVersion": "1"}})
    assert list(store.objects("StorageClass")) == ["fast"]
    assert store.versions("StorageClass") == {Identity("", "fast"): 1}
