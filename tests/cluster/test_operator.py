"""keddah itself: watched, interrupted, away. The databases must not notice."""

from __future__ import annotations

import http.client

from tests.clusters import OPERATOR, POLL, Cluster
from tests.databases import Database
from tests.waiting import until


def test_both_processes_answer_probes_and_show_their_counters(cluster: Cluster, trio: Database) -> None:
    assert trio.status()["readyReplicas"] == 3
    cluster.until_operated()
    pods = [pod for part in ("controller", "webhooks") for pod in cluster.operator_pods(part)]
    assert len(pods) >= 4
    for pod in pods:
        for page in ("healthz", "readyz", "metrics"):
            where = f"/api/v1/namespaces/{OPERATOR}/pods/{pod['metadata']['name']}:8080/proxy/{page}"
            assert cluster.rest.send("GET", where, accept="*/*").status == http.client.OK
    pages = {name: "".join(_metrics(cluster, name)) for name in ("controller", "webhooks")}
    for counter in ("keddah_reconciles_total", "keddah_queue_depth", "keddah_api_writes_total"):
        assert counter in pages["controller"]
    assert "admission" in pages["webhooks"]


def _metrics(cluster: Cluster, component: str) -> list[str]:
    names = [pod["metadata"]["name"] for pod in cluster.operator_pods(component)]
    root = f"/api/v1/namespaces/{OPERATOR}/pods"
    return [cluster.good("get", "--raw", f"{root}/{name}:8080/proxy/metrics") for name in names]


def test_the_operators_pods_satisfy_pod_security_restricted(cluster: Cluster) -> None:
    level = "pod-security.kubernetes.io/enforce=restricted"
    label = ("label", "namespace", OPERATOR, level, "--overwrite", "--dry-run=server")
    answer = cluster(*label)
    assert answer.code == 0
    assert "Warning" not in answer.err
    namespace = cluster.rest.get("Namespace", None, OPERATOR)
    assert namespace
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_another_controller_takes_over_when_the_active_ones_pod_is_deleted(
    cluster: Cluster, trio: Database
) -> None:
    cluster.until_operated()
    before = cluster.leader()
    cluster.rest.delete("Pod", OPERATOR, before).expect()
    until(lambda: cluster.leader() != before, 30, cluster.leader, POLL)
    # Whoever holds the lease acts.
    trio.cluster.rest.delete("PodDisruptionBudget", trio.namespace, "trio").expect()
    until(lambda: trio.cluster.rest.get("PodDisruptionBudget", trio.namespace, "trio"), 30, trio.story, POLL)
    cluster.until_operated()


def test_without_webhooks_databases_serve_and_are_kept_and_changes_are_refused(
    cluster: Cluster, trio: Database
) -> None:
    other = Database(cluster, trio.namespace, "other")
    with cluster.without("webhooks"):
        refused = other.apply()
        assert refused.status == http.client.INTERNAL_SERVER_ERROR
        assert "failed calling webhook" in refused.message
        assert ".keddah.dev" in refused.message
        assert trio.sql("INSERT INTO kept VALUES (0) RETURNING n").startswith("0")
        assert trio.sql("DELETE FROM kept WHERE n = 0 RETURNING n").startswith("0")
        trio.cluster.rest.delete("Service", trio.namespace, "trio-ro").expect()
        until(lambda: trio.cluster.rest.get("Service", trio.namespace, "trio-ro"), 30, trio.story, POLL)
    assert other.read() is None
    cluster.until_operated()
    # Endpoints of the Service reach the API server's node a moment after the pods are ready.
    until(lambda: _accepted(trio), 30, poll=POLL)


def _accepted(trio: Database) -> bool:
    change = {"metadata": {"annotations": {"tests": "again"}}}
    answer = trio.cluster.rest.merge("PostgreSQLDatabase", trio.namespace, "trio", change, dryRun="All")
    return answer.accepted


def test_without_a_controller_postgresql_serves_and_even_fails_over(cluster: Cluster, trio: Database) -> None:
    before = trio.primary()
    with cluster.without("controller"):
        assert trio.sql("SELECT count(*) FROM kept") == "100"
        trio.cluster.rest.delete("Pod", trio.namespace, before).expect()
        # Until it has ended, the one that is told to end still answers.
        until(lambda: any(name != before for name in trio.primaries()), 60, trio.story, POLL)
        until(trio.answers, 60, trio.story, 5 * POLL)
        assert trio.sql("SELECT count(*) FROM kept") == "100"
        trio.sql("CREATE TABLE written_alone (n int)")
    trio.settled()
    trio.sql("DROP TABLE written_alone")
