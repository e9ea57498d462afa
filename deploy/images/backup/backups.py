"""Makes a backup: a full one, or an incremental one on the newest full one; then forgets what is too old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from controller.protocol.results import Made, Result
from controller.protocol.settings import Reason, Settings

from .contents import archive_of, moment, newest_full, survey
from .pgbackrest import BackupError, PgBackRest, bad_pages
from .timelines import Backup

_EARLY: Final = 24
"""A full backup is due this fraction of its period early: a weekly one must not slip by a day, because the
last began some seconds after its time."""

# What a run that was killed left on the instances ends when they notice that it is gone.
_BUSY_PAUSE_SECONDS: Final = 3.0
_BUSY_ATTEMPTS: Final = 30


def full_is_due(newest: Backup | None, now: datetime, every: timedelta) -> bool:
    """Whether the next backup is a full one; `newest` is the newest whole full backup."""
    if newest is None:
        return True
    began = datetime.fromtimestamp(newest["timestamp"]["start"], UTC)
    return now - began >= every - every / _EARLY


def back_up(
    settings: Settings,
    program: PgBackRest,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    *,
    full: bool = False,
) -> Result:
    """Make one backup, in any case a `full` one if that is asked. Raises BackupError when none is good."""
    began = now()
    every = timedelta(seconds=settings.full_every_seconds)
    before = archive_of(program.information(), settings.archive)
    if before is None:
        # Not each time, though it would change nothing: it excludes archiving, which may be under way.
        _patiently(program, pause, "stanza-create")
    kind = "full" if full or full_is_due(newest_full(before), began, every) else "incr"
    said = _patiently(program, pause, "backup", f"--type={kind}", "--no-expire-auto")
    pages = bad_pages(said)
    left = _expire(program)
    after, _, found = survey(program, settings.archive)
    if after is None or not after["backup"]:
        raise BackupError(Reason.REPOSITORY_DAMAGED, "the backup that was just made is not in the repository")
    return Result(
        "backup",
        moment(began.timestamp()),
        moment(now().timestamp()),
        reason=Reason.PAGE_CHECKSUM if after["backup"][-1].get("error") else "",
        message="; ".join(pages),
        made=made(after["backup"][-1], said),
        contents=found,
        expire_reason=left.reason if left else "",
        expire_message=str(left or ""),
    )


def made(backup: Backup, said: list[str]) -> Made:
    """Describe a backup of the repository's list."""
    information: dict[str, Any] = backup["info"]
    return Made(
        backup["label"],
        "Full" if backup["type"] == "full" else "Incremental",
        moment(backup["timestamp"]["start"]),
        moment(backup["timestamp"]["stop"]),
        information["size"],
        information["repository"]["delta"],
        from_standby=any(
            "from the standby" in line or "wait for replay on the standby" in line for line in said
        ),
    )


def _patiently(program: PgBackRest, pause: Callable[[float], None], command: str, *options: str) -> list[str]:
    """Run a command, waiting while another holds the lock; return what was said. Raises BackupError."""
    for attempt in range(_BUSY_ATTEMPTS):
        said: list[str] = []
        try:
            program.run(command, *options, heard=said.append)
        except BackupError as error:
            if error.reason is not Reason.BUSY or attempt == _BUSY_ATTEMPTS - 1:
                raise
            pause(_BUSY_PAUSE_SECONDS)
        else:
            return said
    raise AssertionError


def _expire(program: PgBackRest) -> BackupError | None:
    """Remove what no second of the recovery window needs; return why that failed, None if it did not.

    The backup is good all the same. pgBackRest keeps a full backup as long as there is none that is younger
    and still older than the window, with all WAL since (`repo-retention-full-type=time`).
    Where another run holds the lock, that one removes it.
    """
    try:
        program.run("expire")
    except BackupError as error:
        return None if error.reason is Reason.BUSY else error
    return None


def expire(settings: Settings, program: PgBackRest, now: Callable[[], datetime]) -> Result:
    """Remove what is too old. Raises BackupError."""
    began = now()
    program.run("expire")
    _, _, found = survey(program, settings.archive)
    return Result("expire", moment(began.timestamp()), moment(now().timestamp()), contents=found)
