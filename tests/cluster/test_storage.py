"""Volumes."""

from __future__ import annotations

import time

import pytest

from controller.protocol.member import CONTAINER
from deploy.local.faults import power_off
from schemas.api.types import KIND
from tests import sites
from tests.clusters import POLL, Cluster
from tests.databases import APP, Database
from tests.laboratory.ground import ground
from tests.rest import Object
from tests.waiting import until

GROWS, FIXED = "keddah-local", "keddah-local-fixed"
VOLUME = "/var/lib/postgresql"
BALLAST = f"{VOLUME}/ballast"
KILL = "kill -KILL $(cat /proc/1/task/1/children)"
FAILOVER_SECONDS = 30
"""Longer than Patroni's ttl of 20 s."""


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
    smaller = {"spec": {"storage": {"size": "1023Mi"}}}
    refused = database.cluster.rest.merge(KIND, database.namespace, "db", smaller)
    assert not refused.accepted
    assert "spec.storage.size" in refused.message
    # What the volume has can be gone back to.
    database.change(storage={"size": "1Gi"})
    database.settled()


@pytest.mark.own_cluster("needs storage that is known to refuse")
def test_a_growth_that_the_storage_refuses_says_why_and_is_taken_back(database: Database) -> None:
    database.apply(storage={"size": "1Gi", "storageClassName": GROWS}).expect()
    database.settled()
    for slip, meant in (("60Ti", "2Gi"), ("50Ti", "2Gi")):
        database.change(storage={"size": slip})
        message = database.until_condition("Stalled", "VolumeCannotGrow", 30)["message"]
        has = _capacity(database)
        said = f"data-db-0 {has} -> {slip} ControllerResizeInfeasible (ControllerResizeError since 20"
        assert said in message
        assert "no room on the disk of" in message
        assert any(f"{slip}: no room on the disk of" in told for told in _told_of_claim(database))
        assert database.sql("SELECT 1") == "1"
        # First down to what is more than the volume has, then to just that.
        database.change(storage={"size": meant})
        until(lambda meant=meant: _capacity(database) == meant, 60, database.story, POLL)  # type: ignore[misc]
        database.settled()


def _told_of_claim(database: Database) -> list[str]:
    events = database.cluster.rest.list("Event", database.namespace)
    told = [event for event in events if event["regarding"]["kind"] == "PersistentVolumeClaim"]
    return [event["note"] for event in told if event["reason"] == "VolumeResizeFailed"]


@pytest.mark.own_cluster("needs volumes of a true size")
def test_a_full_disk_fails_over_into_no_other_and_growth_brings_all_rows_back(database: Database) -> None:
    database.apply(replicas=2, storage={"size": "400Mi", "storageClassName": GROWS}).expect()
    database.settled()
    database.sql("CREATE TABLE filler (chunk int, bytes text)")
    primary = database.primary()
    acknowledged = _fill(database)
    assert acknowledged > 0
    told = "disk full: db-0 (data-db-0, 400Mi), db-1 (data-db-1, 400Mi); increase spec.storage.size"
    until(lambda: database.condition("Stalled").get("message", "").startswith(told), 30, database.story, POLL)
    database.until_told("DiskFull: ")
    # As long as a failover would take: the other disk has the same rows and is as full.
    time.sleep(FAILOVER_SECONDS)
    took_over = [name for name in database.primaries() if name != primary]
    database.change(storage={"size": "1Gi"})
    until(lambda: _capacities(database) == {"1Gi"}, 90, database.story, POLL)
    database.settled(180)
    kept = {int(chunk) for chunk in database.sql("SELECT chunk FROM filler").split()}
    assert kept >= set(range(1, acknowledged + 1))
    assert not any(event.startswith("DiskFull: ") and "1Gi" in event for event in database.events())
    # Where WAL is what finds no room, PostgreSQL panics: then a failover is right, though it wins nothing.
    where = ("--namespace", database.namespace, "logs", primary, f"--container={CONTAINER}")
    assert took_over == [] or '"PANIC"' in database.cluster.good(*where), database.events()


@pytest.mark.own_cluster("needs volumes of a true size")
def test_of_two_standbys_with_the_same_wal_the_one_with_room_takes_over(database: Database) -> None:
    database.apply(replicas=3, storage={"size": "400Mi", "storageClassName": GROWS}).expect()
    for turn in (1, -1):
        database.settled()
        full, roomy = database.standbys()[::turn]
        _run(database, full, f"fallocate -l $(($(df -m --output=avail {VOLUME} | tail -1) - 20))M {BALLAST}")
        told = database.until_condition("Stalled", "DiskFull", 30)
        assert f"disk full: {full} (" in told["message"]
        assert _successor(database) == roomy, database.events()
        _run(database, full, f"rm {BALLAST}")


def _successor(database: Database) -> str:
    before = database.primary()
    same = "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn = pg_current_wal_lsn()"
    until(lambda: database.superuser(before, same) == "2", 30, database.story, POLL)
    database.execute(before, "sh", "-c", KILL)
    until(lambda: database.status().get("primary", before) != before, 60, database.story, POLL)
    return str(database.status()["primary"])


def _run(database: Database, pod: str, script: str) -> None:
    done = database.execute(pod, "sh", "-c", script)
    assert done.code == 0, done.err


def _fill(database: Database) -> int:
    """Commit 8 MiB after 8 MiB that do not compress, until the disk is full; give how many were committed."""
    chunk = "SELECT string_agg(gen_random_uuid()::text, '') FROM generate_series(1, 233016)"
    acknowledged = 0
    for number in range(1, 100):
        statement = f"INSERT INTO filler SELECT {number}, ({chunk})"
        done = database.execute(database.pod_names()[0], "sh", "-c", APP, statement, seconds=60)
        if done.code != 0:
            assert _says_full(database, done.err), done.err
            return acknowledged
        acknowledged = number
    raise AssertionError("the disk is not full")


def _says_full(database: Database, told: str) -> bool:
    free = database.execute(database.pod_names()[0], "df", "-m", "--output=avail", VOLUME).out
    return "No space left on device" in told or int(free.split()[-1]) < 32


def _capacities(database: Database) -> set[str]:
    return {str(claim["status"]["capacity"]["storage"]) for claim in database.claims().values()}


def _capacity(database: Database) -> str:
    status = database.claims()["data-db-0"]["status"]
    return str(status["capacity"]["storage"])


def _megabytes(database: Database) -> int:
    done = database.execute("db-0", "df", "-m", "--output=size", VOLUME)
    return int(done.out.split()[-1])


@pytest.mark.own_cluster("powers a node off, and needs volumes of a true size")
@pytest.mark.minutes(3)
def test_a_standby_that_is_away_fills_no_disk_and_is_cloned_when_it_returns(database: Database) -> None:
    database.apply(
        replicas=3, storage={"size": "1Gi", "storageClassName": GROWS}, parameters={"wal_level": "logical"}
    ).expect()
    database.settled()
    primary, away = database.primary(), database.standbys()[-1]
    for slot in (
        "pg_create_logical_replication_slot('cdc', 'pgoutput')",
        "pg_create_logical_replication_slot('follows', 'pgoutput', failover => true)",
        "pg_create_physical_replication_slot('archive', true)",
    ):
        database.superuser(primary, f"SELECT {slot}")
    until(lambda: _synchronized(database, primary, "follows"), 60, database.story, 1)
    node = database.child("Pod", away)["spec"]["nodeName"]
    state = ground(sites.local_name()).state
    power_off(state, node)
    try:
        _write_wal(database, primary, 800)
        assert not any(c["reason"] == "DiskFull" for c in database.status()["conditions"])
        database.until_told("SlotInvalid: ", ": archive, cdc")
    finally:
        ground(sites.local_name()).local("node-power", node, "on")
    database.settled(240)
    database.switch_over(next(name for name in database.standbys() if name != away))
    kept = "SELECT string_agg(slot_name, ' ' ORDER BY slot_name) FROM pg_replication_slots WHERE {}"
    assert database.superuser(database.primary(), kept.format("failover")) == "follows"
    assert database.superuser(primary, kept.format("slot_name IN ('cdc', 'archive')")) == "archive cdc"


def _synchronized(database: Database, primary: str, slot: str) -> bool:
    """Tell whether the standbys have a slot for good: only once its consumer has read something."""
    database.superuser(primary, f"SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())")
    there = "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE synced AND NOT temporary"
    return all(database.superuser(standby, there) == slot for standby in database.standbys())


def _write_wal(database: Database, primary: str, megabytes: int) -> None:
    """Write WAL that no table keeps; each message is acknowledged by a standby that is there."""
    message = "SELECT length(pg_logical_emit_message(true, 'ballast', repeat('x', 8 * 1024 * 1024))::text)"
    for _ in range(megabytes // 8):
        database.superuser(primary, message)
