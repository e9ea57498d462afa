"""Proves that the newest backup can be restored: restores it, replays all WAL, and looks at everything.

What was never restored is no backup. The whole repository is read as well, because the newest backup says
nothing of the WAL and the older backups that the recovery window needs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from controller.protocol.results import Contents, Proof, Result
from controller.protocol.settings import RESTORE_COMMAND, Reason, Settings

from .contents import archive_of, moment, survey
from .pgbackrest import BackupError, Log, PgBackRest
from .restoring import Choice, Target, choose, restore
from .scratch import Server, recovered

_RECOVERED: Final = """
SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
       to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'),
       current_setting('data_checksums'),
       (SELECT count(*) FROM pg_database WHERE datallowconn)
"""
_FAULT: Final = re.compile(r"(missing|checksum invalid|size invalid|other): (\d+)")
_CHECKED: Final = re.compile(r"total (?:WAL|files) checked: (\d+)")
_RANGE: Final = re.compile(r"wal start: ([0-9A-F]{24}), wal stop: ([0-9A-F]{24})")
_SHOWN: Final = 3
_READINGS: Final = 3


def verify(
    settings: Settings,
    program: PgBackRest,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    log: Log,
) -> Result:
    """Restore to `settings.data`, a scratch folder that is emptied at the end. Raises BackupError."""
    began = now()
    _, _, found = survey(program, settings.archive)
    _room(Path(settings.data), found)
    choice = choose(settings, program, Target(), began)
    try:
        # A kept-aside folder is somebody's data, a scratch folder nobody's.
        shutil.rmtree(settings.data, ignore_errors=True)
        restore(settings, program, Target(), now, extra=("--archive-mode=off",), choice=choice)
        proof, size = _prove(settings, choice, found, pause, log)
    finally:
        shutil.rmtree(settings.data, ignore_errors=True)
    proof = replace(proof, files_checked=whole(program, settings.archive, size))
    return Result("verify", moment(began.timestamp()), moment(now().timestamp()), proof=proof, contents=found)


def _room(data: Path, found: Contents) -> None:
    """Raise BackupError when the volume is smaller than the database: nothing was proven then."""
    data.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(data.parent).free
    if free < found.database_bytes:
        raise BackupError(
            Reason.NO_ROOM,
            f"{found.database_bytes} bytes are to be restored, and {free} are free on the volume",
        )


def _prove(
    settings: Settings, choice: Choice, found: Contents, pause: Callable[[float], None], log: Log
) -> tuple[Proof, int]:
    """Return what was proven, and the size of a WAL segment. Raises BackupError."""
    newest = choice.backup
    with recovered(Path(settings.data), RESTORE_COMMAND, log, pause) as server:
        ((position, time, size, checksums, databases),) = server.query(_RECOVERED)
        segment = segment_of(int(position), int(size))
        # After a restore in place, nothing of the present timeline may be archived yet.
        last = found.newest_wal if choice.way.leads_through(found.newest_wal) else ""
        if last and segment < number_of(last, int(size)):
            raise BackupError(
                Reason.WAL_MISSING,
                f"replay ended in segment {segment:X}, but the newest in the archive is "
                f"{last}: one of those between is missing or damaged",
            )
        _look_at_relations(server, settings.processes)
        server.stop()
        if checksums == "on":
            _look_at_pages(server)
    proof = Proof(
        newest["label"],
        moment(newest["timestamp"]["stop"]),
        time,
        found.newest_wal,
        int(databases),
        checksums == "on",
    )
    return proof, int(size)


def segment_of(position: int, size: int) -> int:
    """Return the number of the WAL segment that the last byte before a position is in."""
    return (position - 1) // size


def number_of(name: str, size: int) -> int:
    """Return the number of the segment with this file name: timeline, high part, low part."""
    high, low = int(name[8:16], 16), int(name[16:24], 16)
    return high * (0x1_0000_0000 // size) + low


def _look_at_relations(server: Server, jobs: int) -> None:
    """Compare all indexes with their tables (pg_amcheck). Raises BackupError."""
    options = ("--all", "--install-missing", "--heapallindexed", f"--jobs={jobs}", "--no-strict-names")
    done = server.run("pg_amcheck", *options, fails=True)
    if done.returncode:
        found = (done.stdout + done.stderr).strip().splitlines()[:_SHOWN]
        raise BackupError(Reason.INDEX_DAMAGED, "pg_amcheck: " + "; ".join(line.strip() for line in found))


def _look_at_pages(server: Server) -> None:
    """Compare the checksums of all pages. Raises BackupError."""
    words = [str(server.bin / "pg_checksums"), "--check", f"--pgdata={server.data}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        found = [line.partition("error: ")[2] for line in done.stderr.splitlines() if "error: " in line]
        raise BackupError(Reason.PAGE_CHECKSUM, "pg_checksums: " + "; ".join(found[:_SHOWN]))


def whole(program: PgBackRest, name: str, size: int) -> int:
    """Read every file of the repository, and return how many. Raises BackupError for a damaged one.

    A backup that ends meanwhile removes what is too old, and nobody misses that: all is read again.
    """
    held = _held(program, name)
    for _ in range(_READINGS - 1):
        try:
            return _read(program, held, size)
        except BackupError:
            before, held = held, _held(program, name)
            if held == before:
                raise
    return _read(program, held, size)


def _held(program: PgBackRest, name: str) -> list[tuple[str, str]]:
    """Return the labels of all backups, each with the first WAL segment that it needs."""
    archive = archive_of(program.information(), name) or {"backup": ()}
    return [(each["label"], each["archive"]["start"]) for each in archive["backup"]]


def _read(program: PgBackRest, held: list[tuple[str, str]], size: int) -> int:
    """Read every file; from the segment that the oldest backup begins with on, none may be missing."""
    said: list[str] = []
    report = program.run("verify", "--output=text", "--verbose", heard=said.append)
    if "status: ok" not in report.splitlines():
        counted = [f"{count} {name}" for name, count in _FAULT.findall(report) if int(count)]
        found = ", ".join(counted) or " ".join(report.split())
        raise BackupError(Reason.REPOSITORY_DAMAGED, f"files of the repository are damaged: {found}")
    ranges = [match.groups() for line in said if (match := _RANGE.search(line))]
    if held and (missing := gap(ranges, held[0][1], size)):
        raise BackupError(Reason.WAL_MISSING, f"WAL is missing in the archive before segment {missing}")
    return sum(map(int, _CHECKED.findall(report)))


def gap(ranges: Iterable[Sequence[str]], first: str, size: int) -> str:
    """Return the segment before which the first gap is, from the segment `first` on; "" when there is none.

    A new timeline begins in the segment in which the old one ended, or in the one after it.
    """
    reached = number_of(first, size) - 1
    for start, stop in ranges:
        if number_of(start, size) > reached + 1:
            return start
        reached = max(reached, number_of(stop, size))
    return ""
