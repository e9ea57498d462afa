"""A verification that reads the repository while a backup removes what is too old from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.protocol.settings import Reason
from deploy.images.backup.pgbackrest import BackupError, PgBackRest
from deploy.images.backup.verification import whole

SEGMENT = 16 << 20
GOOD = "status: ok\ntotal WAL checked: 5\ntotal files checked: 3"


class Repository(PgBackRest):
    """The program, played: its repository has backups that begin with these segments, and WAL from one on."""

    def __init__(self, held: list[int], first_wal: int, report: str = GOOD) -> None:
        super().__init__("orders-1")
        self.held, self.first_wal, self.report, self.readings = held, first_wal, report, 0

    def information(self, *options: str) -> list[dict[str, Any]]:
        """Return the backups that there are now."""
        assert not options
        backups = [{"label": f"label-{n}", "archive": {"start": segment(n)}} for n in self.held]
        status = {"code": 0, "message": "ok"}
        return [{"name": "orders-1", "status": status, "repo": [{"status": status}], "backup": backups}]

    def run(self, command: str, *options: str, heard: Callable[[str], None] = lambda _: None) -> str:
        """Read all files."""
        assert (command, options) == ("verify", ("--output=text", "--verbose"))
        self.readings += 1
        return self.read(heard)

    def read(self, heard: Callable[[str], None]) -> str:
        """Tell what was read."""
        heard(f"wal start: {segment(self.first_wal)}, wal stop: {segment(9)}")
        return self.report


class Expiring(Repository):
    """One in which a backup ends while it is read for the first time."""

    def read(self, heard: Callable[[str], None]) -> str:
        """Lose the oldest backup, and the WAL that it alone needs."""
        if self.readings > 1:
            return super().read(heard)
        self.held, self.first_wal, before = [5], 5, self.report
        self.report = "status: error\n  missing: 4"
        said = super().read(heard)
        self.report = before
        return said


def segment(number: int) -> str:
    return f"{number:0>24}"


def test_a_whole_repository_is_read_once() -> None:
    repository = Repository([2, 5], 2)
    assert whole(repository, "orders-1", SEGMENT) == 8
    assert repository.readings == 1


def test_what_is_removed_meanwhile_as_too_old_is_not_missed() -> None:
    repository = Expiring([2, 5], 2)
    assert whole(repository, "orders-1", SEGMENT) == 8
    assert repository.readings == 2


@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        (Repository([2, 5], 3), Reason.WAL_MISSING),
        (Repository([2, 5], 2, "status: error\n  missing: 1"), Reason.REPOSITORY_DAMAGED),
    ],
)
def test_what_nobody_removed_is_told_at_once(repository: Repository, reason: Reason) -> None:
    with pytest.raises(BackupError) as raised:
        whole(repository, "orders-1", SEGMENT)
    assert raised.value.reason == reason
    assert repository.readings == 1


def test_damage_is_told_though_a_backup_ended_meanwhile() -> None:
    repository = Expiring([2, 5], 2, "status: error\n  checksum invalid: 1")
    with pytest.raises(BackupError, match="1 checksum invalid"):
        whole(repository, "orders-1", SEGMENT)
    assert repository.readings == 2
