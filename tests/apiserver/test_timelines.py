"""An archive that restores in place have left branches in: each moment gives the data that there was then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from controller.protocol.settings import RestoreRequest
from deploy.images.patroni.archiving import archive_again
from tests.backup_site import Site, volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.protocol.results import Result

REQUEST = "restore/request.json"
NOW = """SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
ROWS = "SELECT string_agg(number::text, ',' ORDER BY number) FROM seen"


class Branched:
    """A database that was restored in place twice, and what was seen on the way."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.moments: dict[int, str] = {}
        """After which row it was that second."""
        self.newest: list[str] = []
        """What a restore without a target gave, while each of the timelines was in force."""
        self.backups: list[Result] = []

    def go(self) -> None:
        """Write, and go back and forth."""
        with self.site.database.running():
            self.site.database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
            self.backups.append(self.site.back_up())
            self.write(1, 2, 3)
            self.backups.append(self.site.back_up())
            self.write(4, 5)
            self.moments[6] = self.second()
        self.in_place("first", time=self.moments[2])
        with self.site.database.running():
            self.write(20, 21)
            self.newest.append(self.copied("newest-of-two"))
            self.verified = self.site.verify()
            self.backups.append(self.site.job.backup("backup", "--full"))
            self.write(22, 23)
        self.back("first")
        with self.site.database.running():
            self.write(30)
            # On a full one of what was left just now.
            self.backups.append(self.site.back_up())
            self.write(31)
            self.newest.append(self.copied("newest-of-three"))
        self.in_place("second", time=self.moments[22])
        with self.site.database.running():
            self.write(40)
            self.newest.append(self.copied("newest-of-four"))

    def write(self, *numbers: int) -> None:
        """Write rows, and note a second after each, before the next."""
        for number in numbers:
            self.site.database.sql(f"INSERT INTO seen SELECT {number}")
            self.moments[number] = self.second()
        self.site.database.archived()

    def second(self) -> str:
        """Return a second that is after all that was written, and before what comes."""
        self.site.database.sql("SELECT pg_sleep(1.1)")
        return self.site.database.sql(NOW)

    def in_place(self, aside: str, time: str) -> None:
        """Restore it as the first instance does, which has set its data aside before."""
        data = self.site.database.file("")
        data.rename(data.with_name(f"data.{aside}"))
        self._carry_out(RestoreRequest(source=self.site.settings, time=time, whole=True, aside=aside))

    def back(self, aside: str) -> None:
        """Bring the data back."""
        data = self.site.database.file("")
        data.rename(data.with_name(f"data.{aside}.undone"))
        data.with_name(f"data.{aside}").rename(data)
        self._carry_out(RestoreRequest(source=self.site.settings, aside=aside, back=True))

    def _carry_out(self, request: RestoreRequest) -> None:
        self.site.member.mount(REQUEST, request.text())
        result = self.site.member.backup("restore", f"--request=/etc/keddah/{REQUEST}")
        assert result.reason == "", result

    def copied(self, name: str, **target: Any) -> str:  # noqa: ANN401 - as a request
        """Return the rows of a copy."""
        result, copy = self.site.recovered(name, **target)
        assert result.reason == "", result
        with copy.running():
            return copy.sql(ROWS)


@pytest.fixture(scope="module")
def branched(database_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Branched]:
    """Give a database whose servers still run, but not PostgreSQL."""
    site = Site(database_root, tmp_path_factory.mktemp("timelines"), volume())
    with site.serving(site.repository, "repository"), site.serving(site.member, "member"):
        site.database.create()
        made = Branched(site)
        made.go()
        yield made


def test_the_newest_is_what_there_is_now_whichever_backup_came_last(branched: Branched) -> None:
    assert branched.newest == ["1,2,20,21", "1,2,3,4,5,30,31", "1,2,20,21,22,40"]
    assert [each.reason for each in branched.backups] == ["", "", "", ""]
    assert [each.made.kind for each in branched.backups if each.made] == [
        "Full",
        "Incremental",
        "Full",
        "Incremental",
    ]


@pytest.mark.parametrize(
    ("last", "rows"),
    [
        (3, "1,2,3"),
        # Nothing was written after it before the database was restored.
        (6, "1,2,3,4,5"),
        (23, "1,2,20,21,22,23"),
        (30, "1,2,3,4,5,30"),
    ],
)
def test_a_moment_gives_what_there_was_then_though_it_was_undone(
    branched: Branched, last: int, rows: str
) -> None:
    assert branched.copied(f"at-{last}", time=branched.moments[last], whole=True) == rows


def test_a_verification_restores_what_there_is_now(branched: Branched) -> None:
    assert branched.verified.reason == "", branched.verified
    assert branched.verified.proof is not None
    assert branched.verified.proof.label == branched.backups[0].made.label  # type: ignore[union-attr]


def test_the_window_goes_on_over_what_was_undone(branched: Branched) -> None:
    first, last = branched.backups[0].contents, branched.backups[-1].contents
    assert first is not None
    assert last is not None
    assert last.oldest_restorable == first.oldest_restorable


def test_a_restore_whose_first_file_was_archived_late_is_not_forgotten(branched: Branched) -> None:
    """All that it did in between was in force, and not what it had left."""
    repository = branched.site.repository.path("repository")
    (file,) = repository.glob("archive/*/*/00000004.history")
    before = file.stat().st_mtime
    os.utime(file, (before + 3600, before + 3600))
    try:
        assert branched.copied("late", time=branched.moments[40], whole=True) == "1,2,20,21,22,40"
    finally:
        os.utime(file, (before, before))


@pytest.fixture(scope="module")
def promoted(database_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a database that was promoted twice while its repository was away, and once more when it was back.

    In between its history files have lost their marks, as before a rewind by Patroni.
    """
    site = Site(database_root, tmp_path_factory.mktemp("promoted"), volume())

    def promote(number: int, *options: str, archived: bool) -> None:
        site.member.must("touch", f"{site.database.data}/recovery.signal")
        with site.database.running("-crestore_command=false", *options):
            site.database.sql(f"INSERT INTO seen SELECT {number}")
            if archived:
                site.database.archived()

    with site.serving(site.repository, "repository"), site.serving(site.member, "member"):
        site.database.create()
        with site.database.running():
            site.database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
            assert site.back_up().reason == ""
        for number in (2, 3):
            promote(number, "-carchive_command=false", archived=False)
        marks = site.database.file("pg_wal/archive_status")
        for mark in marks.glob("*.history.*"):
            mark.unlink()
        archive_again(str(site.database.file("")), 0)
        promote(4, archived=True)
        yield site


def histories(site: Site) -> list[Path]:
    """Return the history files in the archive."""
    return sorted(site.repository.path("repository").glob("archive/*/*/*.history"))


def newest(site: Site, name: str) -> str:
    """Return the rows of a copy without a target."""
    result, copy = site.recovered(name)
    assert result.reason == "", result
    with copy.running():
        return copy.sql(ROWS)


def test_history_files_whose_marks_were_lost_are_archived_by_the_next_promotion(promoted: Site) -> None:
    assert [file.name for file in histories(promoted)] == [f"0000000{number}.history" for number in (2, 3, 4)]
    assert newest(promoted, "whole") == "2,3,4"


def test_a_history_file_that_is_in_the_archive_already_is_stored_anew(promoted: Site) -> None:
    """So its time does not tell when its timeline began (timelines.py, beginnings)."""
    before = {file: file.stat().st_mtime_ns for file in histories(promoted)}
    archive_again(str(promoted.database.file("")), 0)
    with promoted.database.running():
        promoted.database.archived()
    assert histories(promoted) == list(before)
    assert all(file.stat().st_mtime_ns > stored for file, stored in before.items())


def test_the_newest_timeline_is_reached_though_the_history_file_of_one_before_it_is_lost(
    promoted: Site,
) -> None:
    (second, *_) = histories(promoted)
    kept = second.read_bytes()
    second.unlink()
    try:
        assert newest(promoted, "gap") == "2,3,4"
    finally:
        second.write_bytes(kept)
