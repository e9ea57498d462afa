"""A repository's volume fills up under writes: it is told, the database serves on, and growth heals it."""

from __future__ import annotations

import pytest

from tests.clusters import POLL
from tests.databases import Database
from tests.repositories import switched, until_archived, whole
from tests.restores import annotate, backups
from tests.waiting import until

RARELY = "0 0 29 2 *"
"""A schedule that does not come while the test runs."""
GROWS = "keddah-local"
BALLAST = """SELECT pg_logical_emit_message(false, 'ballast', string_agg(sha512(random()::text::bytea), ''))
 IS NULL FROM generate_series(1, 262144)"""
"""A segment of WAL, that no compression makes smaller."""
MOST = 30
"""More segments than the volume takes."""

pytestmark = pytest.mark.own_cluster("needs volumes of a true size")


def volume(size: str) -> dict[str, object]:
    return {"repository": {"volume": {"size": size, "storageClassName": GROWS}}, "verify": {"schedule": ""}}


def full(database: Database) -> bool:
    told = database.condition("ArchivingWAL")
    return told.get("status") == "False" and told["reason"] == "RepositoryFull"


def fill(database: Database) -> int:
    """Write rows, and much WAL with each, until the repository is said to be full; give the last row."""
    for number in range(1, MOST):
        database.sql(f"INSERT INTO seen VALUES ({number})")  # noqa: S608 - a number
        database.superuser("db-0", BALLAST)
        if full(database):
            return number
    until(lambda: full(database), 60, database.story, POLL)
    return MOST - 1


def capacity(database: Database) -> str:
    claim = database.child("PersistentVolumeClaim", "repository-db-repository-0")
    return str(claim["status"]["capacity"]["storage"])


def test_a_full_repository_is_told_costs_nothing_and_goes_on_when_it_grows(database: Database) -> None:
    database.apply(backupSchedule=RARELY, backup=volume("300Mi")).expect()
    database.settled()
    until(lambda: backups(database) == 1, 180, database.story, 5 * POLL)
    database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
    last = fill(database)
    database.until_told("RepositoryFull: ", "increase spec.backup.repository.volume.size", "is not lost")
    # The database serves on, and what it writes now waits.
    database.sql(f"INSERT INTO seen VALUES ({last + 1})")  # noqa: S608 - a number
    newest = switched(database)
    assert database.condition("Ready")["status"] == "True"
    before = database.uids()
    database.change(backup=volume("1Gi"))
    until(lambda: capacity(database) == "1Gi", 60, database.story, POLL)
    database.until_condition("ArchivingWAL", "Archiving", 90)
    until_archived(database, newest)
    whole(database)
    assert database.sql("SELECT count(*) FROM seen") == str(last + 1)
    assert database.uids() == before
    annotate(database, backup_now="after-growth")
    until(lambda: backups(database) == 2, 120, database.story, 5 * POLL)
