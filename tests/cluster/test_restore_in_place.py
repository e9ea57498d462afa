"""A database that goes back to an earlier second in place, and forth again."""

from __future__ import annotations

import pytest

from tests.clusters import POLL
from tests.databases import Database
from tests.rest import RefusedError
from tests.restores import NOW, ROWS, annotate, backups, until_restorable
from tests.waiting import until


def until_over(database: Database, rows: str) -> None:
    """Wait until a restore in place has begun, and ended."""
    request = ("ConfigMap", database.namespace, f"{database.name}-restore")
    until(lambda: database.cluster.rest.get(*request), 60, database.story, POLL)
    until(lambda: not database.cluster.rest.get(*request), 300, database.story, POLL)
    database.settled(240)
    assert database.sql(ROWS) == rows


@pytest.mark.minutes(3)
def test_a_database_goes_back_to_a_second_and_forth_again(database: Database) -> None:
    database.apply(replicas=2, backupSchedule="0 3 * * *", deletionProtection=True).expect()
    database.settled()
    database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
    database.sql("INSERT INTO seen VALUES (1), (2)")
    database.sql("SELECT pg_sleep(1.1)")
    target = database.sql(NOW)
    database.sql("SELECT pg_sleep(1.1)")
    # The backup may have begun later than the second above.
    until_restorable(database, target)
    oldest = database.status()["backups"]["oldestRestorableTime"]
    target = max(target, oldest)
    database.sql("SELECT pg_sleep(1.1)", database.primary())
    database.sql("DELETE FROM seen WHERE number = 1")
    database.sql("INSERT INTO seen VALUES (3)")
    until_restorable(database, target)
    password, before = database.secret("app")["password"], backups(database)

    with pytest.raises(RefusedError, match="deletionProtection"):
        annotate(database, restore_to=target)
    database.change(deletionProtection=False)
    # From the other instance, too: the first has to be primary.
    database.switch_over(database.standbys()[0])
    annotate(database, restore_to=target)
    until_over(database, "1,2")
    assert database.secret("app")["password"] == password
    assert len(database.standbys()) == 1
    # What was backed up before is of what was left; another is made at once, though none is due by schedule.
    until(lambda: backups(database) == before + 1, 120, database.story, POLL)
    database.until_condition("BackedUp", "BackupRecent")

    annotate(database, restore_to="former")
    until_over(database, "2,3")
    database.sql("INSERT INTO seen VALUES (4)")
    # The newest backup is of what was left just now; the newest data is that which came back.
    copy = Database(database.cluster, database.namespace, "copy")
    wish = {"from": {"name": database.name}}
    copy.apply(replicas=1, backupSchedule="0 3 * * *", restore=wish).expect()
    assert copy.settled(240).sql(ROWS).startswith("2,3")
    until(lambda: database.condition("ArchivingWAL").get("status") == "True", 120, database.story, POLL)


@pytest.mark.minutes(2)
def test_one_whose_object_is_deleted_and_made_again_in_the_midst_goes_on(database: Database) -> None:
    spec = {"replicas": 1, "backupSchedule": "0 3 * * *"}
    database.apply(**spec).expect()
    database.settled()
    database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
    database.sql("INSERT INTO seen VALUES (1), (2)")
    database.sql("SELECT pg_sleep(1.1)")
    target = database.sql(NOW)
    until_restorable(database, target)
    target = max(target, database.status()["backups"]["oldestRestorableTime"])
    database.sql("SELECT pg_sleep(1.1)")
    database.sql("DELETE FROM seen WHERE number = 1")
    database.sql("INSERT INTO seen VALUES (3)")
    until_restorable(database, target)
    annotate(database, restore_to=target)

    def started() -> bool:
        found = database.cluster.rest.get("ConfigMap", database.namespace, f"{database.name}-restore")
        return bool(found and (found["metadata"].get("annotations") or {}).get("keddah.dev/stage"))

    # From now on Patroni's note that there is a database is gone.
    until(started, 120, database.story, POLL)
    database.delete()
    database.apply(**spec).expect()
    until_over(database, "1,2")
    annotate(database, restore_to="former")
    until_over(database, "2,3")
    until(lambda: database.condition("ArchivingWAL").get("status") == "True", 120, database.story, POLL)
