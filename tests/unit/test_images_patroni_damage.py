"""What a member finds out about its data; pg_controldata is played here, in its own words (15 and 17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.images.patroni.damage import Damage, inspect

NO_FILE = (
    'pg_controldata: error: could not open file "/d/global/pg_control" for reading: No such file or directory'
)
SHORT = 'pg_controldata: error: could not read file "/d/global/pg_control": read 0 of 296'
FORBIDDEN = 'pg_controldata: error: could not open file "/d/global/pg_control" for reading: Permission denied'
BROKEN_DISK = 'pg_controldata: error: could not read file "/d/global/pg_control": Input/output error'
OTHER_SUM = "WARNING: Calculated CRC checksum does not match value stored in file."
NEWER_SUM = "pg_controldata: warning: calculated CRC checksum does not match value stored in control file"
FINE = "pg_control version number:            1700"


def controldata(folder: Path, said: str, code: int) -> str:
    """Make a pg_controldata that says this."""
    program = folder / "pg_controldata"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {code}\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("17")
    return folder


@pytest.mark.parametrize(
    ("said", "code", "found"),
    [
        (NO_FILE, 1, "control-file"),
        (SHORT, 1, "control-file"),
        (OTHER_SUM, 0, "control-file"),
        (NEWER_SUM, 0, "control-file"),
        (FORBIDDEN, 1, ""),
        (BROKEN_DISK, 1, ""),
        (FINE, 0, ""),
    ],
)
def test_only_a_control_file_that_is_certainly_damaged_counts(
    data: Path, said: str, code: int, found: str
) -> None:
    assert inspect(str(data), controldata(data.parent, said, code)) == found


def test_without_the_program_nothing_is_known(data: Path) -> None:
    assert inspect(str(data), "/nowhere/pg_controldata") == ""


def test_data_without_its_version_is_damaged_and_no_data_is_not(data: Path) -> None:
    fine = controldata(data.parent, FINE, 0)
    (data / "base").mkdir()
    (data / "PG_VERSION").unlink()
    assert inspect(str(data), fine) == "version-file"
    (data / "base").rmdir()
    assert inspect(str(data), fine) == ""
    data.rmdir()
    assert inspect(str(data), fine) == ""


def look(
    damage: Damage, *, runs: bool = True, follows: bool = False, failed: bool = False, lost: str = ""
) -> str:
    """Look once; give what is reported then."""
    before = damage.found
    changed = damage.changed(runs=runs, follows=follows, rewind_failed=failed, inspect=lambda: lost)
    assert changed is (damage.found != before)
    return damage.found


def test_a_rewind_that_failed_counts_until_the_member_streams() -> None:
    damage = Damage()
    assert look(damage) == ""
    assert look(damage, runs=False, failed=True) == "diverged"
    # Patroni forgets it when it tries again.
    assert look(damage, runs=False) == "diverged"
    assert look(damage) == "diverged"
    assert look(damage, follows=True) == ""
    assert look(damage) == ""


def test_what_was_damaged_is_forgotten_with_the_data() -> None:
    damage = Damage()
    look(damage, failed=True)
    damage.forget()
    assert look(damage) == ""


def test_files_are_looked_at_while_the_server_does_not_run() -> None:
    damage = Damage()
    assert look(damage, lost="control-file") == ""
    assert look(damage, runs=False, lost="control-file") == "control-file"
    assert look(damage, runs=False) == ""
