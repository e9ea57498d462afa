"""A node that is to be emptied: the primary is gone from it before anybody evicts it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.clusters import POLL, Cluster
from tests.databases import Database, moment
from tests.rest import Answer, path
from tests.waiting import until

pytestmark = pytest.mark.own_cluster("cordons nodes, and needs volumes that are bound to them")

TAINT = "ToBeDeletedByClusterAutoscaler"


@pytest.fixture
def node(cluster: Cluster, trio: Database) -> Iterator[str]:
    """Give the primary's node, which is as it was afterwards."""
    name = str(trio.child("Pod", trio.primary())["spec"]["nodeName"])
    yield name
    cluster.good("uncordon", name)
    cluster("taint", "node", name, f"{TAINT}-")


def _evict(database: Database, pod: str) -> Answer:
    """Ask whether a pod may be evicted, which it is not."""
    metadata = {"name": pod, "namespace": database.namespace}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    where = path("Pod", database.namespace, pod, "eviction")
    return database.cluster.rest.send("POST", f"{where}?dryRun=All", eviction)


@pytest.mark.parametrize(
    "mark", [("cordon",), ("taint", "node", f"{TAINT}=1:NoSchedule")], ids=["cordoned", "autoscaler's taint"]
)
def test_the_primary_hands_over_when_its_node_is_to_be_emptied(
    cluster: Cluster, trio: Database, node: str, mark: tuple[str, ...]
) -> None:
    old, uids, begun = trio.primary(), trio.uids(), moment()
    words = [*mark[:2], node, *mark[2:]]
    cluster.good(*words)
    until(lambda: trio.status().get("primary") not in (None, old), 30, trio.story, POLL)
    assert trio.uids() == uids
    trio.until_told(
        "SwitchedOver: ", f"after {old}: ", f"for {node} is cordoned or being drained", since=begun
    )

    trio.settled()
    selector = f"--pod-selector=statefulset.kubernetes.io/pod-name={old}"
    cluster.good("drain", node, selector, "--delete-emptydir-data", "--timeout=180s", seconds=190)
    # Its volume is there, so it waits; meanwhile no other goes, the primary least of all.
    until(lambda: trio.uids().get(old) not in (None, uids[old]), 60, trio.story, POLL)
    assert [_evict(trio, pod).status for pod in trio.pod_names() if pod != old] == [
        http.client.TOO_MANY_REQUESTS
    ] * 2
    assert trio.sql("SELECT count(*) FROM kept", trio.primary()) == "100"
