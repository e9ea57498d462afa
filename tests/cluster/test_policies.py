"""What NetworkPolicies keep out, on a cluster whose network enforces them; that of deploy/local does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from controller.protocol.exporter import PORT as METRICS
from tests.client_pod import NAME, client_pod
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.rest import Object
from tests.waiting import until

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
except OSError as refusal:
    sys.exit(type(refusal).__name__)
"""
POSTGRESQL, PATRONI, BACKUPS = 5432, 8008, 8432
RARELY = "0 4 1 1 *"
FRIEND = "keddah-test/friend"
SELECTED: Object = {"namespaceSelector": {"matchLabels": {FRIEND: "yes"}}}


def connects(cluster: Cluster, namespace: str, address: str, port: int) -> bool:
    """Whether a pod of somebody else gets a connection."""
    command = ("exec", NAME, "--", "python3", "-c", CONNECT, address, str(port))
    done = cluster("--namespace", namespace, *command)
    assert done.code == 0 or "Error" in done.err, done.err
    return done.code == 0


def _shut_out(cluster: Cluster, namespace: str, addresses: list[str]) -> bool:
    return not any(connects(cluster, namespace, each, POSTGRESQL) for each in addresses)


def address(pod: Object) -> str:
    return str(pod["status"]["podIP"])


@pytest.mark.enforced_policies("deploy/local's network knows no policies")
@pytest.mark.minutes(3)
def test_strangers_reach_postgresql_alone_and_keddah_reaches_all_that_it_needs(
    cluster: Cluster, made: Callable[[], str]
) -> None:
    namespace, stranger, friend = made(), made(), made()
    cluster.rest.merge("Namespace", None, friend, {"metadata": {"labels": {FRIEND: "yes"}}}).expect()
    orders = Database(cluster, namespace, "orders")
    orders.apply(replicas=2, backupSchedule=RARELY).expect()
    client_pod(cluster, stranger)
    client_pod(cluster, friend)
    orders.settled(240)
    # The first backup and its verification have gone through the policies.
    until(lambda: (orders.status().get("backups") or {}).get("count") == 1, 240, orders.story, POLL)
    instances = orders.pods()
    for pod in instances:
        assert connects(cluster, stranger, address(pod), POSTGRESQL)
        for closed in (PATRONI, BACKUPS, METRICS):
            assert not connects(cluster, stranger, address(pod), closed), closed
    [repository] = orders.component_pods("repository")
    assert not connects(cluster, stranger, address(repository), BACKUPS)

    orders.change(network={"clients": [SELECTED]})
    addresses = [address(pod) for pod in instances]
    shut = partial(_shut_out, cluster, stranger, addresses)
    until(shut, 60, orders.story, POLL)
    for each in addresses:
        assert connects(cluster, friend, each, POSTGRESQL)
    # Patroni's own ways, the standbys', and the controller's.
    orders.switch_over(orders.standbys()[0])
    orders.settled(120)
    assert orders.sql("SELECT 1") == "1"
