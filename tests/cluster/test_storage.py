"""Volumes."""

from __future__ import annotations

import pytest

from schemas.types import KIND
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.rest import Object
from tests.waiting import until

GROWS, FIXED = "keddah-local", "keddah-local-fixed"


def _default_class(cluster: Cluster) -> Object:
    mark = "storageclass.kubernetes.io/is-default-class"
    classes = cluster.rest.list("StorageClass")
    return next(c for c in classes if (c["metadata"].get("annotations") or {}).get(mark) == "true")


def test_a_storage_class_that_is_missing_is_named_and_taken_when_it_appears(
    cluster: Cluster, database: Database
) -> None:
    name = f"later-{database.namespace}"
    database.apply(storage={"storageClassName": name}).expect()
    stalled = database.until_condition("Stalled", "StorageClassNotFound", 30)
    assert name in stalled["message"]
    copied = {
        key: value
        for key, value in _default_class(cluster).items()
        if key in ("apiVersion", "kind", "provisioner", "parameters", "volumeBindingMode", "reclaimPolicy")
    }
    manifest = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        **copied,
        "metadata": {"name": name},
    }
    cluster.rest.create(manifest).expect()
    try:
        database.settled()
    finally:
        cluster.rest.delete("StorageClass", None, name)


@pytest.mark.own_cluster("a class whose volumes grow while mounted is not to be had everywhere")
def test_storage_grows_while_the_database_runs(database: Database) -> None:
    database.apply(storage={"size": "1Gi", "storageClassName": GROWS}).expect()
    database.settled()
    before, size = database.uids(), _megabytes(database)
    database.change(storage={"size": "2Gi"})
    until(lambda: _capacity(database) == "2Gi", 60, database.story, POLL)
    until(lambda: _megabytes(database) > size + 900, 30, lambda: _megabytes(database), POLL)
    database.settled()
    assert database.uids() == before


@pytest.mark.own_cluster("needs a class that is known not to grow")
def test_a_claim_that_cannot_grow_becomes_a_condition(database: Database) -> None:
    database.apply(storage={"size": "1Gi", "storageClassName": FIXED}).expect()
    database.settled()
    database.change(storage={"size": "2Gi"})

    def told() -> bool:
        conditions = database.status().get("conditions") or []
        return any(FIXED in c["message"] and "data-db-0" in c["message"] for c in conditions)

    until(told, 30, database.story, POLL)
    # The database itself goes on.
    assert database.sql("SELECT 1") == "1"
    smaller = {"spec": {"storage": {"size": "1Gi"}}}
    refused = database.cluster.rest.merge(KIND, database.namespace, "db", smaller)
    assert not refused.accepted
    assert "spec.storage.size" in refused.message


def _capacity(database: Database) -> str:
    status = database.claims()["data-db-0"]["status"]
    return str(status["capacity"]["storage"])


def _megabytes(database: Database) -> int:
    done = database.execute("db-0", "df", "-m", "--output=size", "/var/lib/postgresql")
    return int(done.out.split()[-1])
