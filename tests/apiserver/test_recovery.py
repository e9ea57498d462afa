"""Restores as a new database asks for them: recovered to the target before anybody else starts the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.protocol.settings import Reason, RestoreRequest
from deploy.local.processes import run
from tests.backup_machine import Database
from tests.backup_site import ARCHIVE, Site, volume
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = """SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


@pytest.fixture(scope="module")
def site(database_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a running database with a backup."""
    made = Site(database_root, tmp_path_factory.mktemp("volume"), volume())
    with made.running():
        made.database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
        made.results.append(made.back_up())
        yield made


def moment(site: Site) -> str:
    """Return a second in which nothing is written."""
    site.database.sql("SELECT pg_sleep(1.1)")
    found = site.database.sql(NOW)
    site.database.sql("SELECT pg_sleep(1.1)")
    return found


def rows(copy: Database) -> str:
    with copy.running():
        # It ended its recovery before: this start is that of a primary.
        assert not copy.file("recovery.signal").exists()
        return copy.sql("SELECT string_agg(number::text, ',' ORDER BY number) FROM seen")


def test_a_second_is_recovered_before_anybody_else_starts_the_server(site: Site) -> None:
    site.database.sql("TRUNCATE seen", "INSERT INTO seen VALUES (1)")
    target = moment(site)
    site.database.sql("INSERT INTO seen VALUES (2)")
    site.database.archived()
    result, copy = site.recovered("second", time=target)
    assert (result.reason, result.message) == ("", "")
    # What the new timeline began with is for its own archive, and nothing else of the source's is left.
    waiting = {path.name for path in copy.file("pg_wal/archive_status").glob("*.ready")}
    assert "00000002.history.ready" in waiting
    assert not copy.machine.path("run", "source").exists()
    assert not copy.machine.path("run", "restoring").exists()
    assert not copy.machine.path("volume", "spool", "archive", ARCHIVE).exists()
    assert rows(copy) == "1"


def test_without_a_target_all_that_is_archived_is_there(site: Site) -> None:
    site.database.sql("TRUNCATE seen", "INSERT INTO seen VALUES (3), (4)")
    site.database.archived()
    result, copy = site.recovered("end")
    assert result.reason == ""
    assert rows(copy) == "3,4"


def test_a_restore_point_and_a_location_are_targets_too(site: Site) -> None:
    site.database.sql("TRUNCATE seen", "INSERT INTO seen VALUES (5)")
    site.database.sql("SELECT pg_create_restore_point('a ''b'' \\c')")
    location = site.database.sql("SELECT pg_current_wal_insert_lsn()")
    site.database.sql("INSERT INTO seen VALUES (6)")
    site.database.archived()
    for name, target in (("point", {"name": "a 'b' \\c"}), ("location", {"lsn": location})):
        result, copy = site.recovered(name, **target)
        assert result.reason == "", result
        assert rows(copy) == "5"


def test_after_the_last_transaction_the_end_is_good_only_where_nothing_can_be_missing(site: Site) -> None:
    site.database.sql("TRUNCATE seen", "INSERT INTO seen VALUES (7)")
    site.database.archived()
    target = moment(site)
    result, _ = site.recovered("unsure", time=target)
    assert result.reason == Reason.OUTSIDE_WINDOW
    assert target in result.message
    result, copy = site.recovered("sure", time=target, whole=True)
    assert result.reason == ""
    assert target in result.message
    assert rows(copy) == "7"


def test_an_attempt_that_failed_is_followed_by_a_whole_one(site: Site) -> None:
    site.database.sql("TRUNCATE seen", "INSERT INTO seen VALUES (8)")
    site.database.archived()
    target = moment(site)
    result, _ = site.recovered("again", time=target)
    assert result.reason == Reason.OUTSIDE_WINDOW
    result, copy = site.recovered("again")
    assert result.reason == Reason.NOT_EMPTY
    # As Patroni does after a failure.
    copy.file("").rename(copy.file("").with_name("data.failed"))
    result, copy = site.recovered("again")
    assert result.reason == ""
    assert rows(copy) == "8"


def test_the_data_of_another_major_version_is_refused(site: Site) -> None:
    result, _ = site.recovered("major", data="/var/lib/postgresql/17/data")
    assert result.reason == Reason.OTHER_MAJOR
    assert "18" in result.message


def test_a_database_that_is_declared_has_to_be_there(site: Site) -> None:
    site.database.sql("TRUNCATE seen", "INSERT INTO seen VALUES (9)")
    site.database.sql("CREATE DATABASE app")
    site.database.sql("ALTER DATABASE app RENAME TO shop")
    site.database.archived()
    result, copy = site.recovered("declared", database="app")
    assert result.reason == Reason.DATABASE_MISSING
    assert 'no database "app"' in result.message
    assert "but: shop" in result.message
    # As Patroni does after a failure; the container is started again.
    copy.file("").rename(copy.file("").with_name("data.failed"))
    again = ("--result=/tmp/termination", "restore", "--request=/etc/keddah/restore/request.json")
    log = copy.machine.path("log")
    with copy.machine.running("keddah-backup", *again) as attempt:
        until(lambda: "The restore is not tried again" in log.read_text())
        assert attempt.poll() is None
        other = RestoreRequest(source=site.settings, database="shop").text()
        copy.machine.mount("restore/request.json", other)
        until(lambda: attempt.poll() == 0, 60, log.read_text)
    assert rows(copy) == "9"


def test_data_that_comes_back_goes_on_with_a_timeline_that_the_archive_does_not_have(site: Site) -> None:
    """Beside the one of a restore: as a standby it would want to follow that, and could not."""
    site.database.sql("INSERT INTO seen VALUES (9) ON CONFLICT DO NOTHING")
    site.database.archived()
    machine = site.pod("back")
    request = RestoreRequest(source=site.settings, aside="before-1", back=True)
    machine.mount("restore/request.json", request.text())
    run("rm", "-rf", machine.path("volume", "18"))
    result, copy = site.recovered("forth")
    assert result.reason == ""
    run("cp", "--archive", copy.machine.path("volume", "18"), machine.path("volume", "18"))
    back = Database(machine)
    before = back.file("pg_wal/00000002.history").exists()
    answer = machine.backup("restore", "--request=/etc/keddah/restore/request.json")
    assert answer.reason == "", answer.message
    assert before
    assert back.file("pg_wal/00000003.history").exists()
    assert not back.file("recovery.signal").exists()
    assert rows(back)
