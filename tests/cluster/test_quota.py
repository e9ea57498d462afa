"""A namespace that has no room for the pods."""

from __future__ import annotations

import time

from tests.clusters import POLL
from tests.databases import Database
from tests.rest import Object
from tests.waiting import until

TOLD_SECONDS, LIFTED_SECONDS = 10, 15
RESTING_SECONDS = 12
"""Longer than keddah waits before it tries again."""


def limit(database: Database, **hard: str) -> None:
    """Allow that much in the database's namespace, and wait until Kubernetes has counted what is there."""
    rest, namespace = database.cluster.rest, database.namespace
    metadata = {"name": "tight", "namespace": namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}
    rest.apply(quota).expect()

    def counted() -> bool:
        status: Object = (rest.get("ResourceQuota", namespace, "tight") or {}).get("status") or {}
        return status.get("hard") == hard and status.get("used", {}).keys() == hard.keys()

    until(counted, 30, database.story, POLL)


def lift(database: Database) -> None:
    database.cluster.rest.delete("ResourceQuota", database.namespace, "tight").expect()


def requests(cpu: str) -> Object:
    return {"requests": {"cpu": cpu, "memory": "128Mi"}}


def test_an_exceeded_quota_is_told_within_seconds_and_mended_soon_after_it_is_lifted(
    database: Database,
) -> None:
    limit(database, pods="1")
    database.apply(replicas=2).expect()
    told = database.until_condition("Stalled", "PodsNotCreated", TOLD_SECONDS)
    assert "cannot be created: pods" in told["message"]
    assert "exceeded quota: tight, requested: pods=1, used: pods=1, limited: pods=1" in told["message"]
    database.until_told("PodsNotCreated: ", "exceeded quota")
    lift(database)
    database.settled(LIFTED_SECONDS)
    assert database.pod_names() == ["db-0", "db-1"]


def test_a_roll_out_for_which_there_is_no_room_costs_no_standby(database: Database) -> None:
    database.apply(replicas=3, resources=requests("50m")).expect()
    database.settled()
    uids = database.uids()
    # A pod of the present size, its exporter included, always finds room in the place of the one before it.
    limit(database, **{"requests.cpu": "165m", "pods": "3"})
    database.change(template={"annotations": {"first": "change"}})
    database.settled()
    moved = database.uids()
    assert not set(uids.values()) & set(moved.values())
    database.change(resources=requests("100m"))
    told = database.until_condition("Stalled", "PodsNotCreated", TOLD_SECONDS)
    assert "is kept (the pod template changed)" in told["message"]
    assert "exceeded quota: tight" in told["message"]
    time.sleep(RESTING_SECONDS)
    assert database.uids() == moved
    assert database.condition("Ready")["status"] == "True"
    lift(database)
    database.settled()
    assert not set(moved.values()) & set(database.uids().values())


def test_a_standby_that_a_quota_keeps_away_takes_no_other_with_it(database: Database) -> None:
    database.apply(replicas=3).expect()
    database.settled()
    uids, lost = database.uids(), database.standbys()[-1]
    limit(database, pods="2")
    database.cluster.rest.delete("Pod", database.namespace, lost).expect()
    database.change(template={"annotations": {"first": "change"}})
    told = database.until_condition("Stalled", "PodsNotCreated", 30)
    assert told["message"].startswith(f"{lost} cannot be created: ")
    time.sleep(RESTING_SECONDS)
    assert database.uids() == {name: uid for name, uid in uids.items() if name != lost}
    assert database.sql("SELECT 1") == "1"
    lift(database)
    database.settled()
    assert len(database.pod_names()) == 3
