"""A node that never comes back, with the volume of an instance on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from deploy.local.faults import power_off
from deploy.local.processes import Processes
from tests.clusters import POLL, Cluster
from tests.databases import Database, moment
from tests.laboratory.ground import ground
from tests.rest import Object
from tests.sites import local_name
from tests.waiting import until

LOCK_SECONDS = 25
"""Longer than a lock lasts that nobody renews."""
TOLD = ("PrimaryLost", "PrimaryEnding", "PrimaryBack", "FailedOver", "SwitchedOver")

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
    here = ground(local_name())
    here.local("node-power", metadata["name"], "on")
    # Without it the API server would not find the webhooks' new pods.
    assert Processes(here.state.pids, here.state.logs).pid("kube-proxy")
    until(lambda: cluster.admits(trio.namespace), 120)


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
    trio.until_told(f"DiscardingVolume: discard {claim}")


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


def test_after_a_power_loss_of_all_nodes_nobody_is_said_to_have_handed_over(
    cluster: Cluster, trio: Database
) -> None:
    began, here = moment(), ground(local_name())
    nodes = sorted(node["metadata"]["name"] for node in cluster.rest.list("Node"))
    for node in nodes:
        power_off(here.state, node)
    time.sleep(LOCK_SECONDS)
    for node in nodes:
        here.local("node-power", node, "on")
    until(lambda: cluster.admits(trio.namespace), 180)
    trio.settled(240)
    # Whether the same instance is primary again is the election's to decide.
    trio.until_told("", "all instances had stopped", since=began)
    story = [event for event in trio.events(began) if event.startswith(TOLD)]
    assert not any("handed over" in event or event.startswith("SwitchedOver") for event in story), story
    assert story[-1].startswith(("FailedOver", "PrimaryBack")), story


def identity(trio: Database, claim: str) -> str:
    """Give the UID of a claim, "" while there is none."""
    return str(trio.claims().get(claim, {}).get("metadata", {}).get("uid", ""))
