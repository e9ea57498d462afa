"""Restores a backup's files into a data directory; PostgreSQL then replays WAL to the target by itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from controller.protocol.results import Result
from controller.protocol.settings import RESTORE_COMMAND, Reason, Settings

from .contents import moment, stopped, survey
from .pgbackrest import BackupError, Log, PgBackRest
from .timelines import Backup, Line, at, location

_MARK: Final = ".restoring"
"""Beside a data directory that is being filled: what is in there is ours to throw away."""


@dataclass(frozen=True)
class Target:
    """Where replay ends; without any of the three, at the end of the archive."""

    time: datetime | None = None
    lsn: str = ""
    name: str = ""
    timeline: str = ""
    """The one that was in force at the moment when empty, else the newest."""

    def options(self) -> list[str]:
        """Return it as pgBackRest's options."""
        words: list[str] = []
        if self.time is not None:
            words = ["--type=time", f"--target={self.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}"]
        elif self.lsn:
            words = ["--type=lsn", f"--target={self.lsn}"]
        elif self.name:
            words = ["--type=name", f"--target={_quoted(self.name)}"]
        promote = ["--target-action=promote"] if words else []
        return [*words, *promote]


def _quoted(text: str) -> str:
    """Return a text as it stands between quotes in PostgreSQL's configuration, where the tool writes it.

    It escapes nothing itself (PostgreSQL, Setting Parameters: quotes are doubled, backslashes escape).
    """
    written = text.replace("\\", "\\\\").replace("'", "''")
    return "".join(
        char if char.isprintable() else "".join(f"\\{byte:03o}" for byte in char.encode()) for char in written
    )


@dataclass(frozen=True)
class Choice:
    """The backup that is restored, and the way that leads from it to the target."""

    backup: Backup
    way: Line
    later: Line | None
    """The way that was in force after it; None for the present one."""

    def options(self) -> list[str]:
        """Return it as pgBackRest's options.

        The newest timeline is named, too: PostgreSQL would look for one number after another, and take the
        last before the first that is missing for it (timeline.c, findNewestTimeLine).
        """
        label = f"--set={self.backup['label']}"
        # An archive without history files has but one.
        return [label, f"--target-timeline={self.way.timeline}"] if self.way.timeline else [label]


def restore(
    source: Settings,
    program: PgBackRest,
    target: Target,
    now: Callable[[], datetime],
    *,
    aside: str = "",
    extra: tuple[str, ...] = (),
    heard: Log = lambda _: None,
    choice: Choice | None = None,
) -> Result:
    """Fill the source's data directory, as set, from its archive.

    One that is in use is refused, or renamed to `NAME.aside` when that is given; one that an earlier attempt
    left half full is emptied. Raises BackupError.
    """
    began = now()
    data = Path(source.data)
    found = choice or choose(source, program, target, began)
    _prepare(data, aside)
    recovery = f"--recovery-option=restore_command={RESTORE_COMMAND}"
    try:
        program.run("restore", *target.options(), *found.options(), recovery, *extra, heard=heard)
    except BackupError as error:
        # A restore writes nowhere else.
        full = error.reason is Reason.REPOSITORY_FULL
        raise BackupError(Reason.NO_ROOM if full else error.reason, str(error)) from None
    _mark(data).unlink()
    return Result("restore", moment(began.timestamp()), moment(now().timestamp()))


def choose(
    source: Settings, program: PgBackRest, target: Target, now: datetime, given: Line | None = None
) -> Choice:
    """Find the newest backup on the way to a target; refuse what cannot be reached. Raises BackupError.

    A moment that a later restore in place has undone is on the way that was in force then, or is `given`.
    """
    archive, ways, found = survey(program, source.archive)
    whole = [each for each in (archive or {}).get("backup") or () if not each.get("error")]
    if not whole:
        raise BackupError(Reason.NO_BACKUP, f"the repository holds no whole backup of {source.archive}")
    way = given or _way(ways, target)
    reaching = [each for each in whole if way.has(each) and _before(each, target)]
    if reaching and not (target.time and target.time > now):
        later = next((later for each, later in pairwise(ways) if each.left_for == way.left_for), None)
        return Choice(reaching[-1], way, later)
    if target.time is None:
        told = "all backups that the repository holds are of what a restore in place has undone since"
        raise BackupError(Reason.NO_BACKUP, f"{target.lsn or 'the newest'} cannot be restored: {told}")
    wanted = moment(target.time.timestamp())
    window = f"{found.oldest_restorable or 'nothing'} to now, {moment(now.timestamp())}"
    raise BackupError(Reason.OUTSIDE_WINDOW, f"{wanted} cannot be restored; what can is {window}")


def _way(ways: Sequence[Line], target: Target) -> Line:
    """Return the way of the timeline that is named, else the one that was in force at the moment."""
    if not target.timeline:
        return at(ways, target.time.timestamp() if target.time else None)
    named = [each for each in ways if str(each.timeline) == target.timeline]
    if not named:
        told = ", ".join(str(each.timeline) for each in ways)
        raise BackupError(Reason.OUTSIDE_WINDOW, f"no timeline {target.timeline} was left; there are {told}")
    return named[0]


def _before(backup: Backup, target: Target) -> bool:
    """Whether a backup had ended before a target; it ended within the second that its time names."""
    if target.time is not None:
        return stopped(backup) + timedelta(seconds=1) <= target.time
    return not target.lsn or location(backup["lsn"]["stop"]) <= location(target.lsn)


def begin_again(data: Path) -> None:
    """Have what was restored thrown away by the next restore."""
    _mark(data).touch()


def _prepare(data: Path, aside: str) -> None:
    """Have an empty data directory, with the mark beside it. Raises BackupError."""
    if _mark(data).exists():
        shutil.rmtree(data, ignore_errors=True)
    elif data.is_dir() and any(data.iterdir()):
        if not aside:
            raise BackupError(Reason.NOT_EMPTY, f"{data} has data; nothing was changed")
        kept = data.with_name(f"{data.name}.{aside}")
        if kept.exists():
            raise BackupError(Reason.NOT_EMPTY, f"{data} and {kept} have data; nothing was changed")
        data.rename(kept)
    data.parent.mkdir(parents=True, exist_ok=True)
    _mark(data).touch()
    data.mkdir(mode=0o700, exist_ok=True)


def _mark(data: Path) -> Path:
    return data.with_name(f"{data.name}{_MARK}")
