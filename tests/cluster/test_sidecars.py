"""What users add to the pods of a running database, and a container beside PostgreSQL that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.waiting import until

pytestmark = pytest.mark.minutes(5)

SWITCH = "/state/broken"
RUNS = f"test ! -e {SWITCH} || exit 3; exec sleep infinity"
CLIENT = "PGSSLMODE=require PGHOST=localhost psql -XAtc 'SELECT pg_is_in_recovery()'"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
SOON = 30
"""Seconds in which a failover, if there were to be one, would have come."""


def dictionary(database: Database) -> str:
    major = str(database.status()["currentVersion"]).partition(".")[0]
    return f"/usr/share/postgresql/{major}/tsearch_data/shop.stop"


def added(database: Database, script: str) -> dict[str, Any]:
    """Give a template with a variable, a volume, and a sidecar that runs this."""
    image = database.pods()[0]["spec"]["containers"][0]["image"]
    refer = {"name": "trio-app", "key": "password"}
    variables = [
        {"name": "PGUSER", "value": "app"},
        {"name": "PGDATABASE", "value": "app"},
        {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": refer}},
    ]
    return {
        "env": [{"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
        "volumes": [
            {"name": "dictionary", "configMap": {"name": "dictionary"}},
            {"name": "state", "emptyDir": {"sizeLimit": "1Mi"}},
        ],
        "volumeMounts": [
            {
                "name": "dictionary",
                "mountPath": dictionary(database),
                "subPath": "shop.stop",
                "readOnly": True,
            }
        ],
        "sidecars": [
            {
                "name": "beside",
                "image": image,
                # The first process of a container has to ask for SIGTERM; the pod waits for its end.
                "command": ["tini", "--", "sh", "-c", script],
                "env": variables,
                "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}},
                "volumeMounts": [{"name": "state", "mountPath": "/state"}],
            }
        ],
    }


@pytest.fixture(scope="module")
def extended(make_trio: Callable[[], Database]) -> Database:
    """Give three instances, and the dictionary that they are to mount."""
    database = make_trio()
    metadata = {"name": "dictionary", "namespace": database.namespace}
    words = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"shop.stop": "the\n"}}
    database.cluster.rest.create(words).expect()
    return database


def within(cluster: Cluster, database: Database, pod: str, script: str) -> str:
    """Run a script in the sidecar of a pod."""
    where = ("--namespace", database.namespace, "exec", pod, "--container=beside", "--")
    done = cluster(*where, "sh", "-c", script)
    return (done.out + done.err).strip()


def replaced(database: Database, before: dict[str, str]) -> None:
    database.until_pods(
        lambda pods: not before.items() & {(p["metadata"]["name"], p["metadata"]["uid"]) for p in pods}, 240
    )


def test_variables_volumes_and_sidecars_are_rolled_out_and_the_primarys_pod_is_last(
    cluster: Cluster, extended: Database
) -> None:
    uids, primary = extended.uids(), extended.primary()
    extended.change(template=added(extended, RUNS))
    replaced(extended, uids)
    extended.settled()
    assert extended.primary() != primary
    for pod in extended.pod_names():
        # PostgreSQL has it too, and whatever it runs.
        command = f"COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; test \"$TEAM\" = {extended.namespace}'"
        assert extended.superuser(pod, command) == "COPY 1"
        assert extended.execute(pod, "cat", dictionary(extended)).out == "the\n"
        assert within(cluster, extended, pod, CLIENT) == ("f" if pod == extended.primary() else "t")
        assert within(cluster, extended, pod, f"ls {TOKEN}") == ""
        assert "Read-only" in within(cluster, extended, pod, "touch /x")
        assert within(cluster, extended, pod, "cat /proc/1/comm") == "tini"
    extended.sql(
        "CREATE TEXT SEARCH DICTIONARY shop (template = simple, stopwords = shop);"
        "SELECT ts_lexize('shop', 'the')"
    )


def test_a_sidecar_that_does_not_run_takes_one_standby_and_is_told(extended: Database) -> None:
    uids, primary = extended.uids(), extended.primary()
    extended.change(template=added(extended, "exit 3"))

    def told() -> bool:
        blocked = extended.condition("Reconciling")
        return blocked.get("reason") == "RolloutBlocked" and "SidecarFailing" in blocked["message"]

    until(told, 120, extended.story, POLL)
    assert "beside does not keep running (Error, exit code 3)" in extended.condition("Ready")["message"]
    anew = {name for name, uid in extended.uids().items() if uids.get(name) != uid}
    assert len(anew) == 1
    assert extended.primary() == primary
    extended.sql("INSERT INTO kept VALUES (0)")
    extended.change(template=added(extended, RUNS))
    extended.settled()
    assert extended.primary() == primary
    assert {name for name, uid in extended.uids().items() if uids[name] != uid} == anew


def test_sidecars_that_crash_everywhere_move_no_primary_and_are_taken_out_in_turn(
    cluster: Cluster, extended: Database
) -> None:
    uids, primary = extended.uids(), extended.primary()
    started = extended.everywhere("SELECT pg_postmaster_start_time()")
    for pod in extended.pod_names():
        within(cluster, extended, pod, f"touch {SWITCH}; kill 1")
    until(lambda: extended.condition("Ready").get("reason") == "SidecarFailing", 120, extended.story, POLL)
    for _ in range(SOON):
        extended.sql("INSERT INTO kept VALUES (0)", primary)
        until(lambda: extended.primary() == primary, 1, extended.story, POLL)
    assert extended.condition("Ready")["status"] == "False"
    assert extended.status()["readyReplicas"] == 3
    assert extended.uids() == uids
    assert extended.everywhere("SELECT pg_postmaster_start_time()") == started
    extended.change(template={"sidecars": None})
    replaced(extended, uids)
    extended.settled()
    switched = [event for event in extended.events() if event.startswith(("FailedOver", "PrimaryLost"))]
    assert switched == []
