"""Reports in the Patroni member's tags how archiving goes, and archives what PostgreSQL itself would not.

PostgreSQL archives only as a primary. A standby takes all WAL that it has received for archived
(xlogarchive.c, XLogArchiveForceDone), though its primary may have been lost before it was; and it archives
nothing of what it completed as a primary and could not archive then.
"""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from controller.protocol.member import Archiving
from controller.protocol.settings import ARCHIVE_COMMAND, RUN_DIRECTORY, Reason

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 3.0
LATE_SECONDS: Final = 45.0
"""WAL that waits for so long is told of, even if nothing tells why; usually it takes a second or two."""
UNCONFIGURED_SECONDS: Final = 100.0
"""The same for an instance without settings: the kubelet brings them within about a minute and a half."""
NEW_SECONDS: Final = 110.0
"""The same for a new database, whose repository comes up after it."""
TOLD_SECONDS: Final = 45.0
"""Up to when WAL is archived is told anew once what was told is so old: each time costs writes to the API."""
STOPPING_FILE: Final = f"{RUN_DIRECTORY}/stopping"
"""While it is there, the archive command ends at once, and PostgreSQL's archiver with it."""

RECEIVED: Final = "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'"
"""How far a standby has all WAL, in bytes."""

_EARLY: Final = "000000010000000000000010"
"""The name of a segment that no database is still new with."""
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = "[0-9A-F]" * 8 + ".history"
_MOST_SECONDS = 120.0
_SEGMENT_MIB = 16


class Queue(Protocol):
    """What waits for the archive (keddah_backup, archiving)."""

    @property
    def waiting(self) -> int:
        """How many files."""

    @property
    def first(self) -> str:
        """The name of the first of them."""

    @property
    def oldest(self) -> float | None:
        """When the first of them was complete (Unix)."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def restorable(self) -> float | None:
        """When the newest segment that is archived was complete."""


@dataclass
class WalArchive:
    """Remembers how archiving went at the last look."""

    report: Archiving | None = None

    def changed(self, queue: Queue | None, now: float) -> bool:
        """Record the queue of a primary, None of a standby; return whether there is something new to tell."""
        before, self.report = self.report, None if queue is None else _report(queue, now, self.report)
        return self.report != before


def _report(queue: Queue, now: float, before: Archiving | None) -> Archiving:
    restorable = _restorable(queue, now, before.restorable if before else "")
    if queue.oldest is None:
        return Archiving(restorable=restorable)
    since, told = _second(queue.oldest), before.reason if before and before.since else ""
    stuck = before is not None and before.since == since
    reason = _reason(queue, told if stuck else "")
    unconfigured = reason == Reason.INVALID_SETTINGS
    patience = UNCONFIGURED_SECONDS if unconfigured else 0.0 if reason else LATE_SECONDS
    if not restorable and queue.first < _EARLY:
        patience = max(patience, NEW_SECONDS)
    if not stuck and now - queue.oldest < patience:
        return Archiving(restorable=restorable)
    mebibytes = 1 << (queue.waiting * _SEGMENT_MIB - 1).bit_length()
    return Archiving(since, reason, mebibytes, restorable)


def _reason(queue: Queue, told: str) -> str:
    """Return why WAL waits; `told`: what was told of the same WAL before.

    While it is tried again, and while another run holds the lock, nothing is known that was not before. Of a
    full repository some errors say no more than that something failed.
    """
    found = "" if queue.reason == Reason.BUSY else queue.reason
    vague = not found or (found == Reason.OTHER and told == Reason.REPOSITORY_FULL)
    return told if vague else found


def _restorable(queue: Queue, now: float, told: str) -> str:
    """Return the moment up to which all WAL is archived: what was told of it, until that is old."""
    # The file of the newest archived segment may be in use again for a coming one.
    if queue.restorable is None:
        return told
    archived = _second(queue.restorable)
    if told and now - datetime.fromisoformat(told).timestamp() < TOLD_SECONDS:
        return told
    return max(told, archived)


def watch(
    archive: WalArchive,
    queue: Callable[[], Queue | None],
    leftovers: Callable[[], None],
    wake: Callable[[], None],
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> None:
    """Look every few seconds, and call `wake` whenever the tag changes; never returns.

    `queue` gives None, and `leftovers` archives, while the server is a standby.
    """
    while True:
        found = queue()
        if archive.changed(found, clock()):
            wake()
        if found is None:
            leftovers()
        pause(LOOK_SECONDS)


def archive_leftovers(data: str) -> None:
    """Archive what this server completed as a primary and could not archive then, up to the first failure."""
    marks = Path(data, "pg_wal/archive_status")
    # Without the files that lead to it no segment is of use; PostgreSQL archives them first, too.
    for mark in sorted(marks.glob("*.ready"), key=lambda each: (not each.match(f"{_HISTORY}.ready"), each)):
        if not Path(data, "pg_wal", mark.stem).exists():
            continue
        words = ARCHIVE_COMMAND.replace("%p", f"pg_wal/{mark.stem}").split()
        try:
            done = subprocess.run(words, cwd=data, check=False, timeout=_MOST_SECONDS)
        except subprocess.TimeoutExpired:
            return
        if done.returncode:
            return
        with suppress(FileNotFoundError):
            mark.rename(mark.with_suffix(".done"))
        logger.info("Archived WAL of the time as primary: file=%s", mark.stem)


def archive_again(data: str, position: int) -> None:
    """Have a server that is about to be promoted archive all WAL that it has from its former primary.

    Segments that are in the archive already are compared, and not stored again; so nothing may be archived
    whose end differs from server to server. `position`: how far it has all WAL, as a number of bytes.
    """
    wal = Path(data, "pg_wal")
    _histories_again(wal)
    ends, newest = _timelines(wal)
    count = 0
    for mark in wal.glob("archive_status/*.done"):
        if not _SEGMENT.fullmatch(mark.stem) or not (segment := wal / mark.stem).exists():
            continue
        timeline = int(mark.stem[:8], 16)
        end = position if timeline >= newest else ends.get(timeline, 0)
        if _end(segment) <= end:
            # It waits from now on, not since its former primary completed it.
            mark.touch()
            mark.rename(mark.with_suffix(".ready"))
            count += 1
    logger.info("Had WAL of the former primary archived again, if it was not: segments=%s", count)


def _histories_again(wal: Path) -> None:
    """Have all timeline history files archived, whatever their marks say.

    Patroni removes all marks before a rewind (4.1.5, rewind.py, cleanup_archive_status), and PostgreSQL makes
    those of segments anew, but not these. With one of them missing in the archive, a restore that looks for
    the newest timeline ends before it, and says nothing (timeline.c, findNewestTimeLine).
    """
    for file in wal.glob(_HISTORY):
        ready, done = (wal / "archive_status" / f"{file.name}.{state}" for state in ("ready", "done"))
        try:
            if done.exists():
                done.replace(ready)
            elif ready.exists():
                continue
            # It waits from now on.
            ready.touch()
        except OSError:
            # As on a full disk: a promotion must not fail for this.
            logger.exception("Could not have a history file archived: file=%s", file.name)


def _timelines(wal: Path) -> tuple[dict[int, int], int]:
    """Return where the former timelines end (TIMELINE.history of the newest), and the newest.

    The segment that one ends in is complete nowhere: what follows in the file is a former use of it. The
    server that was primary then knows it as `.partial`; a standby, whose stream ended, as archived.
    """
    newest = max(wal.glob("*.history"), default=None)
    if newest is None:
        return {}, 1
    lines = (line.split() for line in newest.read_text(encoding="utf-8").splitlines())
    ends = {int(words[0]): _bytes(words[1]) for words in lines if words and words[0].isdecimal()}
    return ends, int(newest.stem, 16)


def _end(segment: Path) -> int:
    """Return the position after a segment (xlog_internal.h, XLogFileName)."""
    size = segment.stat().st_size
    return (int(segment.name[8:16], 16) << 32) + (int(segment.name[16:], 16) + 1) * size


def _bytes(position: str) -> int:
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _second(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
