"""What a repository holds of an archive, from `pgbackrest info --output=json` (its JSON has no version)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.protocol.results import Contents

from .pgbackrest import BackupError, PgBackRest
from .reasons import reason_of, sentence
from .timelines import PRESENT, Backup, Line, lines, restorable_from

_MISSING = (1, 2)
"""Status of an archive that does not exist yet, and of one that has lost its index."""
_UNREADABLE = 99


def archive_of(information: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the document of this archive; None when the repository has none. Raises BackupError."""
    found = next((each for each in information if each.get("name") == name), None)
    if found is None:
        return None
    (repository,) = found.get("repo") or [{}]
    status = repository.get("status") or found["status"]
    if status["code"] in _MISSING:
        return None
    if status["code"] == _UNREADABLE:
        raise BackupError(reason_of(0, status["message"]), sentence(status["message"]))
    return found


def contents(archive: Mapping[str, Any] | None, ways: Sequence[Line] = (PRESENT,)) -> Contents:
    """Summarize an archive; nothing for one that does not exist. `ways`: see `timelines`."""
    if archive is None:
        return Contents()
    backups: Sequence[Backup] = archive.get("backup") or ()
    whole = [each for each in backups if not each.get("error")]
    newest = whole[-1] if whole else None
    # It ended within the second that its time names.
    begins = restorable_from(ways, [(_ended(each), each) for each in whole])
    return Contents(
        backups=len(whole),
        damaged=len(backups) - len(whole),
        bytes=sum(each["info"]["repository"]["delta"] for each in backups),
        database_bytes=newest["info"]["size"] if newest else 0,
        oldest_restorable=_time(begins) if begins is not None else "",
        last_full=_last([each for each in whole if each["type"] == "full"]),
        last_incremental=_last([each for each in whole if each["type"] != "full"]),
        last_backup=_time(_ended(newest)) if newest else "",
        newest_wal=newest_wal(archive),
        major=archive["db"][-1]["version"],
    )


def newest_wal(archive: Mapping[str, Any]) -> str:
    """Return the name of the newest archived segment; "" when there is none."""
    archived = [each["max"] for each in archive.get("archive") or () if each.get("max")]
    return archived[-1] if archived else ""


def newest_full(archive: Mapping[str, Any] | None) -> Backup | None:
    """Return the newest whole full backup."""
    backups = (archive or {}).get("backup") or ()
    return next(
        (each for each in reversed(backups) if each["type"] == "full" and not each.get("error")), None
    )


def survey(program: PgBackRest, name: str) -> tuple[Mapping[str, Any] | None, tuple[Line, ...], Contents]:
    """Read an archive: its document, the ways through its timelines, and the summary. Raises BackupError."""
    archive = archive_of(program.information(), name)
    ways = lines(program, archive)
    return archive, ways, contents(archive, ways)


def stopped(backup: Backup) -> datetime:
    """Return when a backup ended."""
    return datetime.fromtimestamp(_ended(backup), UTC)


def moment(seconds: float) -> str:
    """Write a Unix time as RFC 3339, in UTC, cut to whole seconds."""
    return _time(seconds)


def _last(backups: Sequence[Backup]) -> str:
    return _time(_ended(backups[-1])) if backups else ""


def _ended(backup: Backup) -> int:
    return int(backup["timestamp"]["stop"])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
