"""New databases from another's backups: to a second, of a running source, and of one that is deleted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.api.types import KIND
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.restores import NOW, ROWS, backups
from tests.waiting import until

SCHEDULE = "0 3 * * *"


@pytest.fixture(scope="module")
def source(cluster: Cluster, made: Callable[[], str]) -> Database:
    """Give a database with a backup."""
    database = Database(cluster, made(), "orders")
    database.apply(replicas=1, backupSchedule=SCHEDULE).expect()
    database.settled()
    database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
    until(lambda: backups(database) > 0, 180, database.story, 5 * POLL)
    return database


def second(database: Database) -> str:
    """Give a second in which nothing is written."""
    database.sql("SELECT pg_sleep(1.1)")
    found = database.sql(NOW)
    database.sql("SELECT pg_sleep(1.1)")
    return found


def until_restorable(database: Database, target: str, seconds: float = 150) -> None:
    def there() -> bool:
        newest = str((database.status().get("backups") or {}).get("newestRestorableTime") or "")
        return newest != "" and datetime.fromisoformat(newest) >= datetime.fromisoformat(target)

    until(there, seconds, database.story, 5 * POLL)


def copy(of: Database, name: str, replicas: int = 1, **restore: object) -> Database:
    made = Database(of.cluster, of.namespace, name)
    wish = {"from": {"name": of.name}, **restore}
    made.apply(replicas=replicas, backupSchedule=SCHEDULE, restore=wish).expect()
    return made


def gone(database: Database) -> bool:
    """Whether nothing is left of what was there for the restore."""
    names = (
        ("ConfigMap", f"{database.name}-restore"),
        *(
            (kind, f"{database.name}-source")
            for kind in ("Secret", "NetworkPolicy", "StatefulSet", "Service")
        ),
    )
    return not any(database.cluster.rest.get(kind, database.namespace, name) for kind, name in names)


def test_a_second_is_restored_with_exactly_the_rows_before_it(source: Database) -> None:
    source.sql("INSERT INTO seen VALUES (1), (2)")
    target = second(source)
    source.sql("INSERT INTO seen VALUES (3)")
    source.sql("DELETE FROM seen WHERE number = 1")
    until_restorable(source, target)
    restored = copy(source, "second", replicas=2, targetTime=target).settled(240)
    # As the application: with the password of the copy, and not of its source.
    assert restored.sql(ROWS) == "1,2"
    assert restored.secret("app")["password"] != source.secret("app")["password"]
    until(lambda: gone(restored), 60, restored.story, POLL)
    # Its backups are its own.
    until(lambda: backups(restored) > 0, 180, restored.story, 5 * POLL)
    assert archive(source) != archive(restored)
    assert source.sql(ROWS) == "2,3"


def archive(database: Database) -> str:
    """Name the archive that a database writes to."""
    settings = database.child("ConfigMap", f"{database.name}-backup")["data"]["settings.json"]
    return str(json.loads(settings)["archive"])


def test_a_moment_before_the_first_backup_is_refused_with_the_window(source: Database) -> None:
    oldest = source.status()["backups"]["oldestRestorableTime"]
    refused = copy(source, "early", targetTime="2026-01-01T00:00:00Z")

    def told() -> bool:
        stalled = refused.condition("Stalled")
        return stalled.get("reason") == "TargetOutsideWindow" and oldest in stalled["message"]

    until(told, 30, refused.story, POLL)
    assert refused.pods() == []


def test_a_clone_of_a_source_under_writes_is_a_moment_of_it(source: Database) -> None:
    source.sql("CREATE TABLE pairs (number int, half text)")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            both = f"({number}, 'a'), ({number}, 'b')"
            source.sql(f"INSERT INTO pairs VALUES {both}")  # noqa: S608 - numbers

    writer = threading.Thread(target=write)
    writer.start()
    try:
        began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        until_restorable(source, began)
        clone = copy(source, "clone").settled(240)
    finally:
        stop.set()
        writer.join()
    halves = "SELECT count(*) FROM (SELECT number FROM pairs GROUP BY number HAVING count(*) <> 2) AS torn"
    assert clone.sql(halves) == "0"
    assert int(clone.sql("SELECT count(*) FROM pairs")) > 0


def test_a_deleted_source_is_restored_from_what_retain_has_kept(source: Database) -> None:
    source.sql("INSERT INTO seen VALUES (100)")
    rows = source.sql(ROWS)
    # Its repository stops at the same time: what was not archived by then is on its own volumes only.
    until_restorable(source, second(source))
    source.delete()
    label = "app.kubernetes.io/component=repository"
    until(
        lambda: (
            not source.cluster.rest.list(
                "Pod", source.namespace, labelSelector=f"{label},keddah.dev/database=orders"
            )
        ),
        60,
        source.story,
        POLL,
    )
    heir = copy(source, "heir").settled(240)
    assert heir.sql(ROWS) == rows
    until(lambda: gone(heir), 60, heir.story, POLL)


def test_a_last_backup_outlives_the_data_and_another_of_its_name_and_can_be_restored(
    database: Database,
) -> None:
    wish = {"deletionPolicy": "Delete", "backup": {"finalBackup": True}}
    database.apply(replicas=1, backupSchedule=SCHEDULE, **wish).expect()
    database.settled()
    database.sql("CREATE TABLE seen AS SELECT 7 AS number")
    until(lambda: backups(database) > 0, 180, database.story, 5 * POLL)
    database.sql("INSERT INTO seen VALUES (8)")
    database.cluster.rest.delete(KIND, database.namespace, database.name).expect()
    until(lambda: database.read() is None, 180, database.story, POLL)
    assert database.claims() == {}
    for kind, name in (("ConfigMap", "db-config"), ("Secret", "db-app")):
        assert database.cluster.rest.get(kind, database.namespace, name) is None
    last = archive(database)
    # Another of its name uses the volume as well, and has a backup of its own there.
    database.apply(replicas=1, backupSchedule=SCHEDULE, deletionPolicy="Delete").expect()
    of_former: dict[str, Any] = {"from": {"name": database.name, "archive": last}}
    heir = copy(database, "heir", **of_former)
    until(lambda: backups(database) > 0, 180, database.story, 5 * POLL)
    assert archive(database) != last
    assert last in database.condition("BackedUp")["message"]
    assert heir.settled(240).sql(ROWS) == "7,8"
    # It asks for no last backup, and does not take the other's along.
    database.cluster.rest.delete(KIND, database.namespace, database.name).expect()
    until(lambda: database.read() is None, 180, database.story, POLL)
    left = ("PersistentVolumeClaim", "repository-db-repository-0")
    claim = database.cluster.rest.get(left[0], database.namespace, left[1])
    assert claim
    assert "deletionTimestamp" not in claim["metadata"]
