"""The network of a cluster of deploy/local."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from tests.client_pod import client_pod
from tests.clusters import Cluster

SERVICES = "/apis/networking.k8s.io/v1/servicecidrs/kubernetes"
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 5432), timeout=2)
except OSError as refusal:
    print(type(refusal).__name__)
"""


@pytest.mark.own_cluster("what becomes of connections to no Service is up to each cluster's network")
def test_a_service_that_a_node_has_not_heard_of_refuses_connections_at_once(
    cluster: Cluster, namespace: str
) -> None:
    client_pod(cluster, namespace)
    addresses = IPv4Network(cluster.rest.send("GET", SERVICES).expect()["spec"]["cidrs"][0])
    nobodys = str(addresses[-2])
    command = ("--namespace", namespace, "exec", "client", "--", "python3", "-c", CONNECT, nobodys)
    assert cluster.good(*command).strip() == "ConnectionRefusedError"
