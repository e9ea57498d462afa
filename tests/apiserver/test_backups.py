"""Backups on a volume, by the programs of the database image: PostgreSQL and pgBackRest as they are.

The pods are processes in the image's root file system; what Kubernetes adds is shown in the cluster tier.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from controller.protocol.settings import Reason
from deploy.local.processes import run
from tests.backup_machine import USER
from tests.backup_site import ARCHIVE, KEY, Site, volume
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = "CREATE TABLE seen (number int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())"


@pytest.fixture(scope="module")
def site(database_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a running database with two backups, the second of which is incremental."""
    made = Site(database_root, tmp_path_factory.mktemp("volume"), volume())
    with made.running():
        made.database.sql(ROWS)
        made.results.append(made.back_up())
        for _ in range(3):
            made.database.archived()
        made.results.append(made.back_up())
        yield made


@pytest.fixture
def own(database_root: Path, tmp_path: Path) -> Site:
    """Give a database of the test's own, which does not run yet."""
    return Site(database_root, tmp_path, volume())


@pytest.fixture
def copied(site: Site, tmp_path: Path) -> Iterator[Path]:
    """Give the repository's files to damage; what they were is put back."""
    files, kept = site.repository.path("repository"), tmp_path / "kept"
    run("cp", "--archive", files, kept)
    yield files
    for path in files.iterdir():
        shutil.rmtree(path)
    run("cp", "--archive", f"{kept}/.", files)


def test_the_first_backup_is_full_and_the_next_is_incremental(site: Site) -> None:
    first, second = site.results
    assert (first.reason, second.reason) == ("", "")
    assert first.made is not None
    assert second.made is not None
    assert (first.made.kind, second.made.kind) == ("Full", "Incremental")
    assert second.made.stored_bytes < first.made.stored_bytes / 10
    assert second.contents is not None
    assert (second.contents.backups, second.contents.damaged, second.contents.major) == (2, 0, "18")
    assert second.contents.last_backup == second.made.ended
    assert first.contents is not None
    assert second.contents.oldest_restorable == first.contents.oldest_restorable


def test_wal_is_archived_before_any_backup(own: Site) -> None:
    with own.running():
        own.database.archived()
    assert own.results == []


def test_a_member_and_the_job_see_the_same_repository(site: Site) -> None:
    assert site.member.told("info") == site.job.told("info", "--place=repository")


def test_secrets_are_neither_in_logs_nor_on_command_lines(site: Site) -> None:
    logs = [machine.path("log") for machine in (site.member, site.repository)]
    assert not any(KEY in log.read_text() for log in logs)


def test_a_second_is_restored_with_exactly_the_rows_before_it(site: Site) -> None:
    site.database.sql("INSERT INTO seen VALUES (1)", "SELECT pg_sleep(1.1)")
    moment = site.database.sql("""SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')""")
    site.database.sql("SELECT pg_sleep(1.1)", "INSERT INTO seen VALUES (2)")
    site.database.archived()
    result, copy = site.restored("copy", f"--time={moment}")
    assert result.reason == ""
    with copy.running():
        assert copy.sql("SELECT number FROM seen") == "1"
        # It archives into its own archive, and what it had from the source's is on another timeline.
        assert copy.sql("SELECT timeline_id FROM pg_control_checkpoint()") != "1"
    newest = site.member.told("info")["newest_wal"]
    assert newest.startswith("00000001")


def test_a_moment_outside_the_window_is_refused_before_anything_is_written(site: Site) -> None:
    oldest = datetime.fromisoformat(site.member.told("info")["oldest_restorable"])
    for moment in (oldest - timedelta(seconds=2), oldest + timedelta(days=1)):
        result, copy = site.restored("outside", f"--time={moment.isoformat()}")
        assert result.reason == Reason.OUTSIDE_WINDOW
        assert oldest.strftime("%Y-%m-%dT%H:%M:%SZ") in result.message
        assert not copy.file("PG_VERSION").exists()


def test_data_that_is_there_is_refused_or_set_aside(site: Site) -> None:
    machine = site.pod("aside")
    data = machine.path("volume", "18", "data")
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18")
    run("chown", "-R", f"{USER}:{USER}", machine.path("volume"))
    assert machine.backup("restore").reason == Reason.NOT_EMPTY
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
    assert machine.backup("restore", "--aside=before-1").reason == ""
    assert (data.with_name("data.before-1") / "PG_VERSION").read_text() == "18"
    assert (data / "global/pg_control").exists()


def test_a_restore_that_was_killed_begins_again(site: Site) -> None:
    machine = site.pod("killed")
    data = machine.path("volume", "18", "data")
    with machine.killed("keddah-backup", "--result=/tmp/result", "restore"):
        until(lambda: data.is_dir() and any(data.iterdir()), poll=0.005)
    assert not (data / "global/pg_control").exists()
    assert machine.backup("restore").reason == ""
    assert (data / "global/pg_control").exists()


def test_verification_proves_the_newest_backup(site: Site) -> None:
    site.database.sql("INSERT INTO seen VALUES (100)")
    site.database.archived()
    result = site.verify()
    assert result.reason == "", result
    assert result.proof is not None
    assert result.proof.checksums
    assert result.proof.last_wal == site.member.told("info")["newest_wal"]
    assert not any(site.pod("verify").path("volume", "scratch").iterdir())


def test_bytes_flipped_in_the_newest_backup_are_found(site: Site, copied: Path) -> None:
    flip(next(copied.glob("backup/*/*F/bundle/*")))
    assert site.verify("flipped").reason == Reason.REPOSITORY_DAMAGED


def test_bytes_flipped_in_wal_are_found(site: Site, copied: Path) -> None:
    flip(max(copied.glob("archive/*/*/*/*.zst")))
    result = site.verify("flipped-wal")
    assert result.reason == Reason.REPOSITORY_DAMAGED, result.message


def test_a_wal_segment_that_is_gone_is_found(site: Site, copied: Path) -> None:
    site.database.archived()
    site.database.archived()
    sorted(copied.glob("archive/*/*/*/*.zst"))[-2].unlink()
    result = site.verify("gap")
    assert result.reason == Reason.WAL_MISSING


def test_wal_that_only_an_older_second_needs_is_missed_too(site: Site, copied: Path) -> None:
    sorted(copied.glob("archive/*/*/*/*.zst"))[3].unlink()  # between the two backups
    result = site.verify("older")
    assert result.reason == Reason.WAL_MISSING, result.message


def test_the_next_backup_is_not_hindered_by_one_that_was_killed(site: Site) -> None:
    progress = site.repository.path("repository/backup", ARCHIVE)
    before = set(progress.iterdir())
    held = site.member.told("info")["backups"]
    with site.job.killed("keddah-backup", "--result=/tmp/result", "backup"):
        until(lambda: set(progress.iterdir()) - before, poll=0.005)
    assert site.member.told("info")["backups"] == held
    assert site.back_up().reason == ""
    assert site.member.told("info")["backups"] == held + 1


def test_another_encryption_key_is_named(site: Site) -> None:
    site.configure({"backup/key/key": "another"})
    try:
        result = site.back_up()
        assert result.reason == Reason.WRONG_ENCRYPTION_KEY, result.message
    finally:
        site.configure({"backup/key/key": KEY})


def test_the_archive_of_another_database_is_refused(site: Site, own: Site) -> None:
    for machine in (own.job, own.repository):
        machine.share("repository", site.repository)
    held = site.member.told("info")
    with own.running():
        assert own.back_up().reason == Reason.ANOTHER_DATABASE
        own.database.sql("SELECT pg_logical_emit_message(true, 'test', '')", "SELECT pg_switch_wal()")
        until(lambda: own.member.told("archiving")["reason"] == Reason.ANOTHER_DATABASE)
    assert site.member.told("info")["backups"] == held["backups"]


def test_a_full_repository_is_told_and_goes_on_after_growth(own: Site) -> None:
    volume = own.repository.path("repository")
    with mounted(volume, "size=3m"), own.running():
        result = own.back_up()
        assert result.reason == Reason.REPOSITORY_FULL, result.message
        own.database.sql("CREATE TABLE large AS SELECT md5(i::text) FROM generate_series(1, 200000) i")
        until(lambda: own.member.told("archiving")["reason"] == Reason.REPOSITORY_FULL)
        assert own.member.told("info", "--place=member")["backups"] == 0
        run("mount", "-o", "remount,size=200m", volume)
        result = own.back_up()
        assert result.reason == "", result.message
        own.database.archived()


def test_what_cannot_be_archived_is_told_and_archived_later(own: Site) -> None:
    with own.serving(own.member, "member"):
        own.database.create()
        with own.database.running():
            own.database.sql("SELECT pg_logical_emit_message(true, 'test', '')", "SELECT pg_switch_wal()")
            until(lambda: own.member.told("archiving")["reason"] == Reason.REPOSITORY_UNREACHABLE)
            assert own.member.told("archiving")["waiting"] == 1
            with own.serving(own.repository, "repository"):
                assert own.back_up().reason == ""
                own.database.archived()
                assert own.member.told("archiving")["reason"] == ""


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Have a volume of its own over a folder."""
    run("mount", "-t", "tmpfs", "-o", f"{options},uid={USER},gid={USER}", "tmpfs", folder)
    try:
        yield
    finally:
        run("umount", "--lazy", folder)


def flip(file: Path) -> None:
    """Change some bytes in the middle of a file."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    for place in range(middle, middle + 8):
        content[place] ^= 0xFF
    file.write_bytes(content)
