"""What PostgreSQL has not archived yet, and why: from its own files, without a connection.

PostgreSQL marks a segment `.ready` when it is complete and `.done` when the archive command has succeeded
(backup and restore documentation, Continuous Archiving). The asynchronous archiver leaves the error that
stopped it in its spool.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.protocol.settings import RUN_DIRECTORY, SETTINGS_FILE, ProtocolError, Reason, Settings

from .configuration import ENVIRONMENT_FILE
from .reasons import reason_of, sentence

PROBLEM_FILE: Final = f"{RUN_DIRECTORY}/archive-problem"
"""Why the archive could neither be looked at nor made: a reason, and on the next line a sentence."""

_READY: Final = ".ready"
_ERROR: Final = ".error"
_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
_NOT_THERE: Final = "archive.info cannot be opened"
"""To the archiver a file is missing, whether that is all, or the archive, or the whole bucket."""


@dataclass(frozen=True)
class Queue:
    """The WAL segments that wait for the archive; times are Unix times."""

    waiting: int = 0
    oldest: float | None = None
    """When the first of them was complete."""
    reason: str = ""
    message: str = ""
    first: str = ""
    """The name of the first of them."""
    restorable: float | None = None
    """When the newest segment that is archived was complete: all before it can be restored."""


def queue(settings: Settings, problem: Path = Path(PROBLEM_FILE)) -> Queue:
    """Look at the queue; what vanishes meanwhile was archived.

    Where the archive is not there, `problem` tells why; until it does, no reason is known.
    """
    code, text = _error(settings)
    if _NOT_THERE not in text:
        return _queue(settings.data, reason_of(code, text) if text else "", sentence(text))
    reason, message = _problem(problem)
    return _queue(settings.data, reason, message or sentence(text))


def misses_archive(settings: Settings) -> bool:
    """Whether WAL waits because the archive is not there."""
    marks = Path(settings.data, "pg_wal/archive_status")
    return _NOT_THERE in _error(settings)[1] and any(marks.glob(f"*{_READY}"))


def member_queue(
    data: str, settings: Path = Path(SETTINGS_FILE), configured: Path = Path(ENVIRONMENT_FILE)
) -> Queue:
    """Look at the queue of an instance, which may not be told yet where to archive.

    `configured` is what the archive command reads first; the server beside the instance writes it.
    """
    try:
        known = Settings.read(settings.read_text())
    except (OSError, ProtocolError) as error:
        return _queue(data, Reason.INVALID_SETTINGS, str(error))
    if not configured.exists():
        return _queue(data, Reason.INVALID_SETTINGS, "a file that the settings name is missing")
    return queue(known)


def _problem(file: Path) -> tuple[str, str]:
    try:
        reason, _, message = file.read_text().partition("\n")
    except OSError:
        return "", ""
    return reason, message


def _queue(data: str, reason: str, message: str) -> Queue:
    marks = Path(data, "pg_wal/archive_status")
    waiting = sorted(mark.stem for mark in marks.glob(f"*{_READY}"))
    ages = [age for name in waiting if (age := _changed(marks / f"{name}{_READY}")) is not None]
    oldest, first = min(ages, default=None), min(waiting, default="")
    return Queue(len(waiting), oldest, reason, message, first, _restorable(data, waiting))


def _restorable(data: str, waiting: list[str]) -> float | None:
    marks = Path(data, "pg_wal/archive_status")
    done = sorted(mark.stem for mark in marks.glob("*.done") if _SEGMENT.fullmatch(mark.stem))
    before = [name for name in done if not waiting or name < waiting[0]]
    return _changed(Path(data, "pg_wal", before[-1])) if before else None


def _error(settings: Settings) -> tuple[int, str]:
    """Return the newest error in the spool: a code, and what was said; "" if there is none."""
    spool = Path(settings.spool, "archive", settings.archive, "out")
    files = sorted(spool.glob(f"*{_ERROR}"), key=lambda file: _changed(file) or 0)
    for file in reversed(files):
        try:
            code, _, text = file.read_text(errors="replace").partition("\n")
        except OSError:
            continue
        if code.strip().isdigit():
            return int(code), text
    return 0, ""


def _changed(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except OSError:
        return None
