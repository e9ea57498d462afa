"""What a member reports of the archive, and what it archives besides PostgreSQL."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from controller.protocol.member import Archiving
from controller.protocol.settings import Reason, Settings, VolumeRepository
from deploy.images.backup.archiving import Queue, member_queue
from deploy.images.patroni import archiving
from deploy.images.patroni.archiving import WalArchive, archive_again, archive_leftovers

NOW = 1_800_000_000.0
SEGMENT = "000000010000000100000000"
SIZE = 16 << 20
SEGMENTS = [f"0000000100000000000000{number:02X}" for number in range(1, 4)]


def report(queue: Queue | None, before: Archiving | None = None) -> Archiving | None:
    archive = WalArchive(before)
    archive.changed(queue, NOW)
    return archive.report


def test_wal_that_waits_for_a_moment_is_not_told_of() -> None:
    assert report(Queue(1, NOW - 5)) == Archiving()
    assert report(Queue()) == Archiving()
    assert report(None) is None


def test_a_failure_is_told_at_once_and_silence_within_a_minute() -> None:
    failed = report(Queue(1, NOW - 5, Reason.REPOSITORY_FULL, first=SEGMENT))
    assert failed == Archiving("2027-01-15T07:59:55Z", Reason.REPOSITORY_FULL, 16)
    silent = report(Queue(3, NOW - 46, first=SEGMENT))
    assert silent is not None
    assert (silent.reason, silent.waiting) == ("", 64)


def test_the_repository_of_a_new_database_is_given_time_to_come_up() -> None:
    young = Queue(1, NOW - 60, Reason.REPOSITORY_UNREACHABLE, first="000000010000000000000001")
    assert report(young) == Archiving()
    old = report(replace(young, oldest=NOW - 111))
    assert old is not None
    assert old.reason == Reason.REPOSITORY_UNREACHABLE
    # Some was archived before.
    archive = WalArchive(Archiving(restorable="2027-01-15T07:50:00Z"))
    assert archive.changed(young, NOW)


def test_an_instance_is_given_time_to_get_its_settings() -> None:
    assert report(Queue(1, NOW - 60, Reason.INVALID_SETTINGS)) == Archiving()
    late = report(Queue(1, NOW - 101, Reason.INVALID_SETTINGS, first=SEGMENT))
    assert late is not None
    assert late.reason == Reason.INVALID_SETTINGS


def test_up_to_when_all_is_archived_is_told_at_once_but_not_each_time_it_moves() -> None:
    archive = WalArchive()
    assert archive.changed(Queue(restorable=NOW - 10), NOW)
    assert archive.report == Archiving(restorable="2027-01-15T07:59:50Z")
    # Segments that follow each other quickly are not told one by one.
    assert not archive.changed(Queue(restorable=NOW + 20), NOW + 21)
    assert archive.changed(Queue(restorable=NOW + 34), NOW + 35)
    assert archive.report == Archiving(restorable="2027-01-15T08:00:34Z")
    # One that comes after a minute is.
    assert not archive.changed(Queue(restorable=NOW + 34), NOW + 93)
    assert archive.changed(Queue(restorable=NOW + 94), NOW + 96)
    assert archive.report == Archiving(restorable="2027-01-15T08:01:34Z")


def test_what_is_told_of_the_archive_is_never_more_than_a_minute_old_while_something_is_written() -> None:
    for pause in range(1, 61):
        archive, oldest = WalArchive(), 0.0
        for second in range(600):
            archive.changed(Queue(restorable=NOW + second // pause * pause), NOW + second)
            assert archive.report is not None
            told = datetime.fromisoformat(archive.report.restorable).timestamp()
            oldest = max(oldest, NOW + second - told)
        assert oldest < 60, pause


def test_trouble_and_its_end_are_told_at_once() -> None:
    archive = WalArchive()
    archive.changed(Queue(restorable=NOW), NOW)
    assert archive.changed(Queue(1, NOW, Reason.OTHER, first=SEGMENT), NOW + 2)
    assert archive.changed(Queue(), NOW + 5)
    # The file of the newest archived segment is in use again: what was known stays known.
    assert archive.report == Archiving(restorable="2027-01-15T08:00:00Z")


FULL = Archiving("2027-01-15T07:59:50Z", Reason.REPOSITORY_FULL, 16)


@pytest.mark.parametrize(
    "reasons",
    [
        # Between two tries the archiver has removed the error of the first.
        ["", Reason.REPOSITORY_FULL, "", ""],
        [Reason.BUSY, "", Reason.REPOSITORY_FULL, Reason.BUSY],
        [Reason.OTHER, Reason.REPOSITORY_FULL, Reason.OTHER, ""],
    ],
)
def test_while_the_repository_is_full_no_try_changes_what_is_told(reasons: list[str]) -> None:
    archive = WalArchive()
    assert archive.changed(Queue(1, NOW - 10, Reason.REPOSITORY_FULL, first=SEGMENT), NOW)
    for second, reason in enumerate(reasons):
        assert not archive.changed(Queue(1, NOW - 10, reason, first=SEGMENT), NOW + 3 * second)
        assert archive.report == FULL


def test_another_reason_is_told_and_what_is_archived_ends_it() -> None:
    archive = WalArchive(FULL)
    assert archive.changed(Queue(1, NOW - 10, Reason.REPOSITORY_UNREACHABLE, first=SEGMENT), NOW)
    assert archive.report == replace(FULL, reason=Reason.REPOSITORY_UNREACHABLE)
    # The segment that waited is archived, and the next has only just been completed.
    assert archive.changed(Queue(1, NOW - 2, first=SEGMENT), NOW)
    assert archive.report == Archiving()


def test_a_wait_for_a_lock_is_told_only_once_it_is_long() -> None:
    assert report(Queue(1, NOW - 44, Reason.BUSY, first=SEGMENT)) == Archiving()
    late = report(Queue(1, NOW - 46, Reason.BUSY, first=SEGMENT))
    assert late is not None
    assert (late.since, late.reason) == ("2027-01-15T07:59:14Z", "")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give a data directory with three segments, the first of which is archived."""
    marks = tmp_path / "pg_wal/archive_status"
    marks.mkdir(parents=True)
    for segment, state in zip(SEGMENTS, ("done", "done", "ready"), strict=True):
        with (tmp_path / "pg_wal" / segment).open("wb") as file:
            file.truncate(SIZE)
        (marks / f"{segment}.{state}").touch()
    return tmp_path


def marks(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "pg_wal/archive_status").iterdir())


def test_a_server_that_is_promoted_archives_again_what_its_primary_may_not_have(data: Path) -> None:
    (data / "pg_wal" / SEGMENTS[0]).unlink()
    os.utime(data / f"pg_wal/archive_status/{SEGMENTS[1]}.done", (0, 0))
    archive_again(str(data), 3 * SIZE)
    # It waits from now on.
    assert (data / f"pg_wal/archive_status/{SEGMENTS[1]}.ready").stat().st_mtime > 0
    assert marks(data) == [
        f"{SEGMENTS[0]}.done",
        f"{SEGMENTS[1]}.ready",
        f"{SEGMENTS[2]}.ready",
    ]


@pytest.mark.parametrize("state", ["done", "ready", ""])
def test_a_server_that_is_promoted_archives_all_history_files_whatever_became_of_their_marks(
    data: Path, state: str
) -> None:
    """Patroni removes the marks before a rewind, and PostgreSQL makes none of these anew."""
    for number in (2, 3):
        (data / f"pg_wal/0000000{number}.history").touch()
        if state:
            (data / f"pg_wal/archive_status/0000000{number}.history.{state}").touch()
    (data / "pg_wal/00000002.history.old").touch()
    archive_again(str(data), 0)
    assert [name for name in marks(data) if "history" in name] == [
        "00000002.history.ready",
        "00000003.history.ready",
    ]


def test_a_promotion_does_not_fail_where_no_mark_can_be_made(data: Path) -> None:
    (data / "pg_wal/00000002.history").write_text(f"1\t0/{4 * SIZE:X}\tno recovery target specified\n")
    (data / "pg_wal/archive_status/00000002.history.ready").symlink_to(data / "none/none")
    archive_again(str(data), 3 * SIZE)
    assert f"{SEGMENTS[0]}.ready" in marks(data)


def test_history_files_are_archived_before_the_segments_that_need_them(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "pg_wal/00000002.history").touch()
    (data / "pg_wal/archive_status/00000002.history.ready").touch()
    # The command takes history files only.
    (data / "takes-history").write_text('#!/bin/sh\nexec expr "$1" : ".*history"\n')
    (data / "takes-history").chmod(0o755)
    monkeypatch.setattr(archiving, "ARCHIVE_COMMAND", "./takes-history %p")
    archive_leftovers(str(data))
    assert marks(data)[-2:] == [f"{SEGMENTS[2]}.ready", "00000002.history.done"]


@pytest.mark.parametrize(
    ("history", "position", "again"),
    [
        # Of the present timeline all that was received to its end.
        ("", 4 * SIZE, [1, 2, 3]),
        ("", 4 * SIZE - 1, [1, 2]),
        ("", 0, []),
        # Of a former one all before its end, in the midst of a segment as a rule.
        (f"1\t0/{3 * SIZE:X}\tno recovery target specified\n", 9 * SIZE, [1, 2]),
        (f"1\t0/{3 * SIZE + 160:X}\tno recovery target specified\n\n", 9 * SIZE, [1, 2]),
        (f"1\t0/{4 * SIZE:X}\tno recovery target specified\n", 9 * SIZE, [1, 2, 3]),
        # What another timeline was left with is no WAL of this database's.
        (f"7\t0/{9 * SIZE:X}\tno recovery target specified\n", 9 * SIZE, []),
    ],
)
def test_a_segment_that_is_complete_nowhere_is_not_archived(
    data: Path, history: str, position: int, again: list[int]
) -> None:
    """What follows in such a file differs from server to server, and the archive takes one of them only."""
    (data / f"pg_wal/archive_status/{SEGMENTS[2]}.ready").rename(
        data / f"pg_wal/archive_status/{SEGMENTS[2]}.done"
    )
    if history:
        (data / "pg_wal/00000008.history").write_text(history)
    archive_again(str(data), position)
    assert [name for name in marks(data) if name.endswith(".ready") and "history" not in name] == [
        f"{SEGMENTS[number - 1]}.ready" for number in again
    ]


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_standby_archives_what_it_completed_as_a_primary(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    succeeds: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(archiving, "ARCHIVE_COMMAND", f"{'test -f' if succeeds else 'false'} %p")
    archive_leftovers(str(data))
    assert f"{SEGMENTS[2]}.{'done' if succeeds else 'ready'}" in marks(data)


def test_without_a_data_directory_there_is_nothing_to_archive(tmp_path: Path) -> None:
    archive_leftovers(str(tmp_path / "none"))
    archive_again(str(tmp_path / "none"), 0)


def test_an_instance_without_settings_says_so(data: Path, tmp_path: Path) -> None:
    settings, configured = tmp_path / "settings.json", tmp_path / "environment"
    os.utime(data / f"pg_wal/archive_status/{SEGMENTS[2]}.ready", (NOW, NOW))

    def look() -> Queue:
        return member_queue(str(data), settings, configured)

    assert (look().reason, look().waiting, look().oldest) == (Reason.INVALID_SETTINGS, 1, NOW)
    told = Settings(archive="a", data=str(data), repository=VolumeRepository(host="r"), spool=str(tmp_path))
    settings.write_text(replace(told, archive="").text())
    assert look().reason == Reason.INVALID_SETTINGS
    settings.write_text(told.text())
    assert look().reason == Reason.INVALID_SETTINGS
    configured.touch()
    assert look().reason == ""
