"""Data that is good, or all that there is: nothing removes it, and what is wrong is told."""

from __future__ import annotations

import time

import pytest

from tests.clusters import POLL
from tests.databases import Database, moment
from tests.waiting import until

PARENT = "/var/lib/postgresql/18"
DATA = f"{PARENT}/data"
KILL = f"kill -KILL $(head -1 {DATA}/postmaster.pid)"
GROWS = "keddah-local"
LONG_ENOUGH = 80.0
"""Seconds after which a standby whose data is damaged would have been cloned again."""


def test_a_standby_that_cannot_start_for_another_reason_keeps_its_data(trio: Database) -> None:
    begun = moment()
    first, second = trio.standbys()
    before = {pod: inode(trio, pod) for pod in (first, second)}
    # What its node lacks, and what somebody did to its files.
    shell(trio, first, f"echo huge_pages=on >> {DATA}/postgresql.auto.conf; {KILL}")
    shell(trio, second, f"chmod 0755 {DATA}; {KILL}")
    lacking = f"{first}: its server does not start: could not map anonymous shared memory"
    until(lambda: trio.condition("Reconciling").get("message", "").startswith(lacking), 60, trio.story, POLL)
    told = trio.until_condition("Reconciling", "ServerNotStarting")["message"]
    assert "the huge pages" in told
    assert told.endswith("its data is kept")
    time.sleep(LONG_ENOUGH)
    assert trio.condition("Reconciling")["message"] == told
    assert {pod: inode(trio, pod) for pod in (first, second)} == before
    assert not [event for event in trio.events(begun) if event.startswith("RebuildingStandby")]
    shell(trio, first, f"sed -i /huge_pages/d {DATA}/postgresql.auto.conf")
    until(lambda: "has invalid permissions" in trio.condition("Ready")["message"], 60, trio.story, POLL)
    assert trio.condition("Ready")["message"].startswith(
        f"{second}: its server does not start: data directory"
    )
    shell(trio, second, f"chmod 0700 {DATA}")
    trio.settled()
    assert {pod: inode(trio, pod) for pod in (first, second)} == before


@pytest.mark.minutes(2)
def test_a_standby_keeps_its_data_when_its_primary_has_a_damaged_page(database: Database) -> None:
    database.apply(replicas=2).expect()
    database.settled()
    _deny_a_copy(database)
    beside = shell(database, database.primary(), f"ls {PARENT}").split()
    assert beside == ["data"]


@pytest.mark.own_cluster("needs volumes of a true size")
@pytest.mark.minutes(2)
def test_a_standby_without_room_for_both_keeps_its_data_until_the_primary_delivers(
    database: Database,
) -> None:
    storage = {"size": "1Gi", "storageClassName": GROWS}
    database.apply(replicas=2, storage=storage).expect()
    database.settled()
    database.sql("CREATE TABLE ballast AS SELECT repeat('x', 1000) AS x FROM generate_series(1, 280000)")
    _deny_a_copy(database)


def _deny_a_copy(database: Database) -> None:
    """Damage a page of the primary and the standby's control file; only a repair of the page mends both."""
    primary, [standby] = database.primary(), database.standbys()
    before = inode(database, standby)
    # Nobody writes its pages again: what is damaged on the disk stays so.
    table = "TABLE victim WITH (autovacuum_enabled = off)"
    for statement in (
        f"CREATE {table} AS SELECT generate_series(1, 10000) AS n",
        "VACUUM FREEZE victim",
        "CHECKPOINT",
    ):
        database.superuser(primary, statement)
    file = database.superuser(primary, "SELECT pg_relation_filepath('victim')")
    shell(database, primary, f"dd if=/dev/zero of={DATA}/{file} bs=1 seek=20000 count=99 conv=notrunc")
    # With another container Patroni knows nothing of the data but what is in its files.
    shell(database, standby, f"rm {DATA}/global/pg_control; {KILL}; kill 1")
    rebuilt = f"RebuildingStandby: clone {standby} again from the primary: its control file"
    until(lambda: any(e.startswith(rebuilt) for e in database.events()), 180, database.story, POLL)
    copied = "the last copy failed: the primary could not read all of its own data"
    until(lambda: copied in database.condition("Reconciling").get("message", ""), 120, database.story, POLL)
    assert inode(database, standby) == before
    assert shell(database, standby, f"ls {PARENT}").split() == ["data"]
    database.superuser(primary, "DROP TABLE victim")
    database.superuser(primary, "CHECKPOINT")
    reinit = ("patronictl", "-c", "/etc/patroni/patroni.yml", "reinit", database.name, standby, "--force")
    assert database.execute(standby, *reinit).code == 0
    database.settled(180)
    assert inode(database, standby) != before
    until(lambda: shell(database, standby, f"ls {PARENT}").split() == ["data"], 30, database.story, POLL)


def shell(database: Database, pod: str, command: str) -> str:
    """Run a command of a shell in an instance; what it does may end the shell."""
    return database.execute(pod, "sh", "-c", command).out


def inode(database: Database, pod: str) -> str:
    """Tell one copy of the data from the next: nothing but a copy makes this file anew."""
    found = shell(database, pod, f"stat -c %i {DATA}/PG_VERSION").strip()
    assert found, f"{pod} has no data"
    return found
