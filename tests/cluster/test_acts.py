"""The acts of `make demo`: what a stranger does first."""

from __future__ import annotations

import json
import time

from deploy.target import CHECKOUT
from tests.clusters import Cluster
from tests.databases import Database

SAMPLES = CHECKOUT / "deploy" / "samples"
MISTAKES = {
    "spec.version": "18.99",
    "spec.replicas": "got 0; must be from 1 to",
    "spec.backupSchedule": "61",
    "spec.storage.size": "10Gigabytes",
    "spec.parameters.shared_bufers": "did you mean shared_buffers?",
}


def test_five_mistakes_are_refused_and_all_of_them_named(cluster: Cluster, namespace: str) -> None:
    sample = str(SAMPLES / "mistakes.yaml")
    refused = cluster("--namespace", namespace, "apply", "-f", sample)
    assert refused.code == 1
    assert "is invalid" in refused.err
    complaints = dict(line[2:].split(": ", 1) for line in refused.err.splitlines() if line.startswith("* "))
    assert complaints.keys() == MISTAKES.keys()
    for path, word in MISTAKES.items():
        assert word in complaints[path]
    assert cluster.good("--namespace", namespace, "get", "pgdb", "-o", "name") == ""


def test_three_lines_become_three_instances_on_three_nodes(cluster: Cluster, namespace: str) -> None:
    within = ("--namespace", namespace)
    applied = cluster(*within, "apply", "-f", str(SAMPLES / "small.yaml"))
    assert applied.out == "postgresqldatabase.keddah.dev/orders created\n", applied.err
    assert "Warning: spec.replicas: 1 means no high availability" in applied.err
    spec = json.loads(cluster.good(*within, "get", "pgdb", "orders", "-o", "jsonpath={.spec}"))
    assert spec["version"] == "18"
    assert spec["replicas"] == 1
    assert spec["deletionPolicy"] == "Retain"
    assert spec["storage"]["size"] == "10Gi"
    cluster.good(*within, "wait", "--for=condition=Ready", "pgdb/orders", "--timeout=270s", seconds=280)

    cluster.good(*within, "scale", "pgdb", "orders", "--replicas=3")
    three = "--for=jsonpath={.status.readyReplicas}=3"
    cluster.good(*within, "wait", three, "pgdb/orders", "--timeout=360s", seconds=370)
    cluster.good(*within, "wait", "--for=condition=Ready", "pgdb/orders", "--timeout=180s", seconds=190)
    orders = Database(cluster, namespace, "orders").settled()
    assert orders.sql("SELECT version()", "orders-1").startswith("PostgreSQL 18.")
    orders.sql("CREATE TABLE greetings (said text)")
    assert orders.sql("INSERT INTO greetings VALUES ('hello') RETURNING said", "orders-1").startswith("hello")
    nodes = {pod["spec"]["nodeName"] for pod in orders.pods()}
    workers = [n for n in cluster.rest.list("Node") if not n["spec"].get("taints")]
    assert len(nodes) == min(3, len(workers))
    line = cluster.good(*within, "get", "pgdb", "orders", "--no-headers").split()
    version = orders.status()["currentVersion"]
    assert line[:5] == ["orders", version, "3/3", orders.primary(), "Ready"]

    cluster.good(*within, "wait", "--for=condition=BackedUp", "pgdb/orders", "--timeout=300s", seconds=310)
    # The moment is a whole second: what is to be there came before it.
    time.sleep(1)
    moment = orders.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    # And the mistake comes after it.
    time.sleep(1)
    orders.sql("DELETE FROM greetings")
    copy = Database(cluster, namespace, "orders-copy")
    copy.apply(restore={"from": {"name": "orders"}, "targetTime": moment}).expect()
    cluster.good(*within, "wait", "--for=condition=Ready", "pgdb/orders-copy", "--timeout=300s", seconds=310)
    # Endpoints reach a node's packet filter some time after a pod is ready.
    assert copy.settled().sql("SELECT said FROM greetings") == "hello"
    assert orders.sql("SELECT count(*) FROM greetings") == "0"
