"""A node that never comes back, with the volume of an instance on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deploy.local.faults import power_off
from tests import factory
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.laboratory.ground import ground
from tests.rest import Object
from tests.sites import local_name
from tests.waiting import until

pytestmark = pytest.mark.own_cluster("takes a node away")


@pytest.fixture(scope="module")
def shared_trio(make_trio: Callable[[], Database]) -> Iterator[Database]:
    """Give a database of this module's own: afterwards two of its instances may be on one node."""
    trio = make_trio()
    yield trio
    trio.delete()


@pytest.fixture
def doomed(cluster: Cluster, trio: Database) -> Iterator[Object]:
    """Give the node of a standby; it comes back afterwards, empty, as a new one of the same name."""
    standby = trio.child("Pod", trio.standbys()[-1])
    node = cluster.rest.get("Node", None, standby["spec"]["nodeName"])
    assert node
    yield node
    metadata = {"name": node["metadata"]["name"], "labels": node["metadata"]["labels"]}
    ranges = {name: node["spec"][name] for name in ("podCIDR", "podCIDRs")}
    cluster.rest.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": ranges}).expect()
    ground(local_name()).local("node-power", metadata["name"], "on")
    until(lambda: admits(cluster, trio.namespace), 120)


def test_an_instance_whose_node_is_gone_comes_back_elsewhere_when_its_volume_is_given_up(
    cluster: Cluster, trio: Database, doomed: Object
) -> None:
    standby, node = trio.standbys()[-1], doomed["metadata"]["name"]
    claim, lost = f"data-{standby}", trio.claims()[f"data-{standby}"]["metadata"]["uid"]
    power_off(ground(local_name()).state, node)
    cluster.good("delete", "node", node)
    told = trio.until_condition("Reconciling", "Unschedulable", 150)
    assert told["message"].endswith(f"kubectl annotate pvc {claim} keddah.dev/discard={lost}")

    annotate = ("--namespace", trio.namespace, "annotate", "--overwrite", "pvc", claim)
    cluster.good(*annotate, "keddah.dev/discard=yes")
    told = trio.until_condition("Reconciling", "DiscardRefused", 20)
    assert (
        told["message"]
        == f"{claim} is kept: the value of the annotation keddah.dev/discard must be its UID, {lost}"
    )
    assert identity(trio, claim) == lost

    cluster.good(*annotate, f"keddah.dev/discard={lost}")
    until(lambda: identity(trio, claim) not in ("", lost), 60, trio.story, POLL)
    trio.settled()
    assert trio.child("Pod", standby)["spec"]["nodeName"] != node
    trio.until_told(f"Discard: discard {claim}")


def test_the_volume_of_the_primary_is_not_given_up(cluster: Cluster, trio: Database) -> None:
    claim = f"data-{trio.primary()}"
    uid = trio.claims()[claim]["metadata"]["uid"]
    annotate = ("--namespace", trio.namespace, "annotate", "pvc", claim)
    cluster.good(*annotate, f"keddah.dev/discard={uid}")
    told = trio.until_condition("Reconciling", "DiscardRefused", 30)
    assert f"it belongs to the primary, {trio.primary()}" in told["message"]
    cluster.good(*annotate, "keddah.dev/discard-")
    until(lambda: trio.condition("Reconciling").get("status") == "False", 60, trio.story, POLL)
    assert trio.claims()[claim]["metadata"]["uid"] == uid


def test_the_volume_of_a_standby_that_others_can_stand_in_for_is_made_anew(
    cluster: Cluster, trio: Database
) -> None:
    claim = f"data-{trio.standbys()[0]}"
    uid = trio.claims()[claim]["metadata"]["uid"]
    cluster.good("--namespace", trio.namespace, "annotate", "pvc", claim, f"keddah.dev/discard={uid}")
    until(lambda: identity(trio, claim) not in ("", uid), 60, trio.story, POLL)
    trio.settled()


def admits(cluster: Cluster, namespace: str) -> bool:
    """Tell whether the API server is rid of its connections to an admission server that went with its node.

    Each such connection costs one call its time-out, for nobody has told the API server.
    """
    tried = factory.database("probe", namespace)
    return all(cluster.rest.create(tried, dryRun="All").accepted for _ in range(10))


def identity(trio: Database, claim: str) -> str:
    """Give the UID of a claim, "" while there is none."""
    return str(trio.claims().get(claim, {}).get("metadata", {}).get("uid", ""))
