from __future__ import annotations

import json
from typing import Any

import pytest

from controller.kube.kinds import DATABASE
from controller.kube.objects import Identity, Key
from controller.watches.cache import Cache

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
    cache = Cache()
    assert cache.put(DATABASE, manifest())
    assert cache.put("Pod", pod())
    assert cache.put("Service", manifest("orders-ro"))
    assert cache.keys() == [KEY]
    assert (cache.database(KEY) or {})["metadata"]["name"] == "orders"
    assert {kind: list(names) for kind, names in cache.children(KEY).items()} == {
        "Pod": ["orders-0"],
        "Service": ["orders-ro"],
    }


def test_children_of_another_namespace_or_without_the_label_are_not_the_databases() -> None:
    cache = Cache()
    cache.put("Service", manifest("orders", namespace="other"))
    cache.put("Service", manifest("stranger", labels={}))
    assert cache.children(KEY) == {}


def test_older_news_never_replaces_newer() -> None:
    cache = Cache()
    assert cache.put("Service", {**manifest(version=7), "spec": {"type": "ours"}})
    assert not cache.put("Service", {**manifest(version=6), "spec": {"type": "late"}})
    assert cache.children(KEY)["Service"]["orders"]["spec"] == {"type": "ours"}


def test_the_reply_to_a_write_does_not_raise_the_dead() -> None:
    cache = Cache()
    cache.put("Service", manifest(version=5))
    assert cache.drop("Service", manifest(version=9))
    assert not cache.put("Service", manifest(version=8))
    assert cache.children(KEY) == {}
    assert cache.put("Service", manifest(version=10))


def test_the_late_end_of_a_predecessor_leaves_the_successor() -> None:
    cache = Cache()
    cache.put("Service", manifest(version=12, uid="new"))
    assert not cache.drop("Service", manifest(version=11, uid="old"))
    assert "orders" in cache.children(KEY)["Service"]


def test_an_unknown_objects_end_is_no_news() -> None:
    assert not Cache().drop("Service", manifest())


def test_a_successor_of_the_same_name_is_news_even_if_it_looks_the_same() -> None:
    cache = Cache()
    cache.put("Service", manifest(version=1, uid="old"))
    assert cache.put("Service", manifest(version=2, uid="new"))


def test_our_own_status_write_is_no_news() -> None:
    cache = Cache()
    cache.put(DATABASE, manifest(version=1, generation=1))
    assert not cache.put(DATABASE, {**manifest(version=2, generation=1), "status": {"readyReplicas": 3}})
    assert (cache.database(KEY) or {})["status"] == {"readyReplicas": 3}


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
    cache = Cache()
    cache.put(DATABASE, manifest(version=1, generation=1))
    assert cache.put(DATABASE, manifest(version=2, **{"generation": 1, **change}))


def test_patronis_heartbeat_is_no_news_but_a_new_leader_is() -> None:
    cache = Cache()
    lock = {"leader": "orders-0", "renewTime": "1", "optime": "1"}
    cache.put("ConfigMap", manifest("orders-leader", 1, annotations=lock))
    assert not cache.put(
        "ConfigMap", manifest("orders-leader", 2, annotations={**lock, "renewTime": "2", "optime": "9"})
    )
    assert cache.put("ConfigMap", manifest("orders-leader", 3, annotations={**lock, "leader": "orders-1"}))


def test_a_members_position_is_no_news_but_is_kept_and_its_state_is_news() -> None:
    cache = Cache()
    cache.put("Pod", pod(1, member={"state": "running", "xlog_location": 1}))
    assert not cache.put("Pod", pod(2, member={"state": "running", "xlog_location": 2}))
    assert '"xlog_location": 2' in cache.children(KEY)["Pod"]["orders-0"]["metadata"]["annotations"]["status"]
    assert cache.put("Pod", pod(3, member={"state": "stopped", "xlog_location": 2}))


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
    cache = Cache()
    cache.put("Node", node(1))
    assert not cache.put("Node", node(2, heard="2", taints=[{"key": "theirs", "effect": "NoSchedule"}]))
    assert cache.put("Node", node(3, **change))


@pytest.mark.parametrize("text", ["{broken", "[1]", "", "null"])
def test_whatever_stands_in_a_members_annotation_is_survived(text: str) -> None:
    assert Cache().put("Pod", manifest("orders-0", annotations={"status": text}))


def test_of_a_pod_only_what_is_read_is_kept() -> None:
    cache = Cache()
    container = {"name": "postgres", "image": "i", "env": [{"name": "A", "value": "b"}]}
    cache.put("Pod", pod(nodeName="n1", containers=[container], volumes=[{}]))
    kept = cache.children(KEY)["Pod"]["orders-0"]["spec"]
    assert kept == {"nodeName": "n1", "containers": [{"name": "postgres", "image": "i"}]}


def test_of_a_job_only_how_it_goes_is_kept_and_a_cronjobs_next_time_is_no_news() -> None:
    cache = Cache()
    job = manifest("orders-backup-first", labels={"keddah.dev/database": "orders"})
    cache.put("Job", {**job, "spec": {"template": {"spec": {}}}, "status": {"active": 1}})
    kept = cache.children(KEY)["Job"]["orders-backup-first"]
    assert (kept["spec"], kept["status"]) == ({}, {"active": 1})
    cronjob = manifest("orders-backup", labels={"keddah.dev/database": "orders"})
    assert cache.put("CronJob", {**cronjob, "spec": {"suspend": False}})
    later = manifest("orders-backup", 2, labels={"keddah.dev/database": "orders"})
    assert not cache.put(
        "CronJob", {**later, "spec": {"suspend": False}, "status": {"lastScheduleTime": "t"}}
    )
    assert cache.put("CronJob", {**later, "spec": {"suspend": True}})


def test_managed_fields_are_not_kept() -> None:
    cache = Cache()
    cache.put("Service", manifest(managedFields=[{"manager": "keddah"}]))
    assert "managedFields" not in cache.children(KEY)["Service"]["orders"]["metadata"]


def test_a_child_that_changes_its_label_changes_its_database() -> None:
    cache = Cache()
    cache.put("Service", manifest("x", 1))
    cache.put("Service", manifest("x", 2, labels={"keddah.dev/database": "other"}))
    assert cache.children(KEY) == {}
    assert list(cache.children(Key("shop", "other"))["Service"]) == ["x"]
    assert cache.owner("Service", Identity("shop", "x")) == Key("shop", "other")


def test_readers_cannot_spoil_the_store() -> None:
    cache = Cache()
    cache.put("Service", manifest())
    cache.children(KEY)["Service"]["orders"]["metadata"]["name"] = "spoilt"
    assert cache.children(KEY)["Service"]["orders"]["metadata"]["name"] == "orders"


def test_objects_of_the_cluster_are_found_by_name() -> None:
    cache = Cache()
    cache.put("StorageClass", {"metadata": {"name": "fast", "resourceVersion": "1"}})
    assert list(cache.objects("StorageClass")) == ["fast"]
    assert cache.versions("StorageClass") == {Identity("", "fast"): 1}
