"""What becomes of old backups after a new one: whatever keeps them, the new one is good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.protocol.results import MESSAGE_BYTES, Result
from controller.protocol.settings import Reason, Settings, VolumeRepository
from deploy.images.backup.backups import back_up
from deploy.images.backup.pgbackrest import BackupError, PgBackRest

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SETTINGS = Settings(archive="orders-1a2b", data="/data", repository=VolumeRepository(host="r"))
ARCHIVE = {
    "name": "orders-1a2b",
    "db": [{"id": 1, "version": "18"}],
    "backup": [
        {
            "label": "20261129-120000F",
            "type": "full",
            "error": False,
            "timestamp": {"start": int(NOW.timestamp()), "stop": int(NOW.timestamp())},
            "info": {"size": 1000, "repository": {"delta": 100}},
        }
    ],
    "status": {"code": 0, "message": "ok"},
}
"""As `pgbackrest info` describes it."""


class Program(PgBackRest):
    """Makes a backup, and fails to remove old ones for this reason."""

    def __init__(self, expires: BackupError | None) -> None:
        super().__init__("orders-1a2b")
        self._expires = expires

    def run(self, command: str, *_: str, heard: Callable[[str], None] = lambda _: None) -> str:
        """Run nothing."""
        heard("P00   INFO: so it goes")
        if command == "expire" and self._expires:
            raise self._expires
        return "{}"

    def information(self, *_: str) -> Sequence[dict[str, Any]]:
        """Give the archive."""
        return [ARCHIVE]


def result(expires: BackupError | None) -> Result:
    said = back_up(SETTINGS, Program(expires), lambda: NOW, lambda _: None)
    assert (said.reason, said.message) == ("", "")
    assert said.made is not None
    read = Result.read(said.text())
    assert read == said
    return said


def test_a_backup_tells_that_old_ones_could_not_be_removed() -> None:
    said = result(BackupError(Reason.REPOSITORY_DAMAGED, "checksum of a file"))
    assert (said.expire_reason, said.expire_message) == ("RepositoryDamaged", "checksum of a file")


@pytest.mark.parametrize("expires", [None, BackupError(Reason.BUSY, "unable to acquire lock")])
def test_what_another_run_removes_is_no_trouble(expires: BackupError | None) -> None:
    assert result(expires).expire_reason == ""


def test_a_long_reason_of_what_was_not_removed_leaves_the_result_whole() -> None:
    written = Result("backup", "a", "b", expire_reason="Failed", expire_message="é" * 6000).text()
    assert len(written.encode()) <= MESSAGE_BYTES
    read = Result.read(written)
    assert read is not None
    assert read.expire_message.startswith("é")
