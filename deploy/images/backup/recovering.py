"""Restores another archive's backup as a request says, and replays its WAL up to the target.

PostgreSQL runs here until it has ended its recovery, and is stopped again: why it fails is then known, and
Patroni never sees data that is not whole.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from controller.protocol.results import Result
from controller.protocol.settings import (
    PROGRESS_FILE,
    RESTORE_COMMAND,
    RUN_DIRECTORY,
    Reason,
    RestoreRequest,
    Settings,
)

from .configuration import FILE, write
from .contents import archive_of, contents, moment
from .pgbackrest import BackupError, Log, PgBackRest
from .restoring import Choice, Target, begin_again, choose, restore
from .scratch import recovered
from .timelines import Line
from .wal import first_commit

SOURCE_DIRECTORY: Final = f"{RUN_DIRECTORY}/source"
"""The configuration of the archive that PostgreSQL fetches from meanwhile (images/postgres/fetch)."""

# The files of the new timeline are to be archived, by the server that is started afterwards: with this mode
# they are noted for it, and without a command they stay.
_ARCHIVED_LATER: Final = {"archive_mode": "on", "archive_command": "", "archive_library": ""}
_TARGETS: Final = ("recovery_target_time", "recovery_target_lsn", "recovery_target_name")
_NOT_REACHED: Final = "recovery ended before configured recovery target was reached"
_FILES: Final = re.compile(r"DETAIL: restore file .*\(.*?([0-9.]+)%\)")
_DATABASES: Final = """
SELECT encode(convert_to(datname::text, 'UTF8'), 'hex') FROM pg_catalog.pg_database
WHERE NOT datistemplate AND datname <> 'postgres'
"""
"""In hexadecimal digits: a name may have any character."""
_MOST_NAMED: Final = 5
_LAST: Final = "SELECT to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


def recover(
    request: RestoreRequest,
    data: str,
    environment: Mapping[str, str],
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    log: Log,
    *,
    aside: str = "",
) -> Result:
    """Have in `data` a database that was recovered to the target and shut down. Raises BackupError."""
    began, progress, message = now(), Progress(Path(PROGRESS_FILE)), ""
    folder = Path(SOURCE_DIRECTORY)
    folder.mkdir(parents=True, exist_ok=True)
    source = replace(request.source, data=data)
    try:
        program, source = _program(source, request, environment, folder)
        _same_major(program, source)
        target = Target(
            datetime.fromisoformat(request.time) if request.time else None, request.lsn, request.name
        )
        choice: Choice | None = choose(source, program, target, began)
        while choice is not None:
            restore(source, program, target, now, aside=aside, heard=progress.heard, choice=choice)
            progress.say("replays the WAL")
            message, later = _replay(source, program, request, choice, log, pause)
            choice = choose(source, program, target, began, later) if later else None
    finally:
        # Whoever replays WAL from now on does so from the database's own archive.
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(Path(source.spool, "archive", source.archive), ignore_errors=True)
        progress.end()
    return Result("restore", moment(began.timestamp()), moment(now().timestamp()), message=message)


def begin_timeline(
    data: Path, now: Callable[[], datetime], pause: Callable[[float], None], log: Log
) -> Result:
    """Have data that comes back after a restore go on with a timeline of its own. Raises BackupError.

    As a standby it would follow the newest in the archive, that of the restore, which is no child of its own.
    """
    began = now()
    (data / "standby.signal").unlink(missing_ok=True)
    (data / "recovery.signal").touch()
    _run(data, log, pause, {"recovery_target_timeline": "current"})
    return Result("restore", moment(began.timestamp()), moment(now().timestamp()))


def _program(
    source: Settings, request: RestoreRequest, environment: Mapping[str, str], folder: Path
) -> tuple[PgBackRest, Settings]:
    """Configure the program for the source's archive, whose name may have to be found first."""
    write(source, "member", environment, folder)
    program = PgBackRest(source.archive, file=str(folder / Path(FILE).name))
    if not request.only_archive:
        return program, source
    held = sorted(
        str(each["name"]) for each in PgBackRest("", file=str(folder / Path(FILE).name)).information()
    )
    if not held:
        raise BackupError(Reason.NO_BACKUP, "the repository holds no archive")
    if len(held) > 1:
        raise BackupError(
            Reason.ARCHIVE_UNKNOWN, f"name one of the archives that are there: {', '.join(held)}"
        )
    source = replace(source, archive=held[0])
    write(source, "member", environment, folder)
    return PgBackRest(source.archive, file=str(folder / Path(FILE).name)), source


def _same_major(program: PgBackRest, source: Settings) -> None:
    """Refuse the data of another major version than the folder is for."""
    held = contents(archive_of(program.information(), source.archive)).major
    wanted = Path(source.data).parent.name
    if held and held != wanted:
        raise BackupError(Reason.OTHER_MAJOR, f"the backups are of PostgreSQL {held}, and not {wanted}")


def _replay(
    source: Settings,
    program: PgBackRest,
    request: RestoreRequest,
    choice: Choice,
    log: Log,
    pause: Callable[[float], None],
) -> tuple[str, Line | None]:
    """Replay to the target, or else to the end, where that is known to be the same.

    Return what to tell, or the way that was in force at the target instead: nothing is there then.
    """
    data = Path(source.data)
    try:
        _run(data, log, pause, wanted=request.database)
    except BackupError as error:
        if _NOT_REACHED not in str(error):
            raise
        wanted = request.time or request.lsn or request.name
        if request.time and choice.later is not None and _begun_by(request.time, choice.way, program, data):
            log(f"The database had been restored in place by {wanted}: following that")
            begin_again(data)
            return "", choice.later
        if not request.whole:
            raise BackupError(
                Reason.OUTSIDE_WINDOW,
                f"the archive ends before {wanted} is reached; without a target it is restored to its end",
            ) from None
        log(f"Nothing was written after {wanted}: replaying to the end of the archive")
        _without_target(data)
        last = _run(data, log, pause, wanted=request.database)
        return f"nothing was written between {last or 'the backup'} and {wanted}", None
    return "", None


def _begun_by(time: str, way: Line, program: PgBackRest, data: Path) -> bool:
    """Whether something was written by then on the timeline that a way was left for.

    When that began is known from its first file in the archive, which may have taken it late.
    """
    first = first_commit(way, program, data)
    return first is not None and first <= datetime.fromisoformat(time)


def _run(
    data: Path,
    log: Log,
    pause: Callable[[float], None],
    extra: Mapping[str, str] | None = None,
    wanted: str = "",
) -> str:
    """Run PostgreSQL to the end of its recovery; return the time of the last transaction, "" if none was.

    Raises BackupError, also where there is no database of the name that is wanted.
    """
    parameters = {**_ARCHIVED_LATER, **(extra or {})}
    with recovered(data, RESTORE_COMMAND, log, pause, extra=parameters) as server:
        ((last,),) = server.query(_LAST)
        held = [bytes.fromhex(name).decode(errors="replace") for (name,) in server.query(_DATABASES)]
        server.stop()
    if wanted and wanted not in held:
        others = ", ".join(sorted(held)[:_MOST_NAMED])
        told = f'there is no database "{wanted}" in what was restored, but: {others}'
        raise BackupError(Reason.DATABASE_MISSING, told)
    return last


def _without_target(data: Path) -> None:
    """Have recovery end where the archive does, or its timeline."""
    file = data / "postgresql.auto.conf"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if line.split(" =")[0] not in _TARGETS))


class Progress:
    """How far a restore is, for those who look from outside the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._said = ""

    def heard(self, line: str) -> None:
        """Hear a line of the tool: how much of the files is there."""
        if match := _FILES.search(line):
            self.say(f"{int(float(match[1]))} % of the files")

    def say(self, words: str) -> None:
        """Write it down, if it is news."""
        if words == self._said:
            return
        self._said = words
        with suppress(OSError):
            self._file.write_text(words)

    def end(self) -> None:
        """Nothing is restored any more."""
        self._file.unlink(missing_ok=True)
