"""What single WAL segments of an archive tell, read with PostgreSQL's own pg_waldump."""

from __future__ import annotations

import re
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .pgbackrest import BackupError, PgBackRest
from .timelines import Line

_SIZE: Final = re.compile(r"Bytes per WAL segment: +(\d+)")
_COMMIT: Final = re.compile(r"desc: COMMIT (?:PREPARED )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_UNITED: Final = 1 << 32
_LOOKED_AT: Final = 8
"""Segments: one without any transaction is completed by a server that stops, as a restore has it do."""


def first_commit(way: Line, program: PgBackRest, data: Path) -> datetime | None:
    """Return when the first transaction ended on the timeline that a way was left for.

    None where its first segments have none, or are not in the archive. `data`: what was restored of it.
    """
    binaries = Path("/usr/lib/postgresql", (data / "PG_VERSION").read_text().strip(), "bin")
    size = _SIZE.search(_said(str(binaries / "pg_controldata"), str(data)))
    if size is None or not way.left_for:
        return None
    with tempfile.TemporaryDirectory(prefix="wal-") as folder:
        start = f"--start={way.left_at // _UNITED:X}/{way.left_at % _UNITED:X}"
        words = (f"--path={folder}", f"--timeline={way.left_for}", start, "--rmgr=Transaction")
        for ahead in range(_LOOKED_AT):
            name = segment(way.left_for, way.left_at + ahead * int(size[1]), int(size[1]))
            try:
                program.run("archive-get", name, f"{folder}/{name}")
            except BackupError:
                return None
            if found := committed(_said(str(binaries / "pg_waldump"), *words)):
                return found
    return None


def committed(said: str) -> datetime | None:
    """Return when the first transaction ended of those that pg_waldump shows."""
    found = _COMMIT.search(said)
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None


def segment(timeline: int, position: int, size: int) -> str:
    """Return the name of the segment that a location of a timeline is in."""
    number, each = position // size, _UNITED // size
    return f"{timeline:08X}{number // each:08X}{number % each:08X}"


def _said(*words: str) -> str:
    """Return what a program says; it fails where the last of the WAL ends."""
    environment = {"TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env=environment, errors="replace"
    )
    return done.stdout
