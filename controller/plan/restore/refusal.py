"""Why a database cannot be restored as it asks, judged before anything of it exists."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET

from controller.desired.instances.patroni import major
from controller.observe.restore.source import Source
from controller.plan.outcome import Stalled, Waiting
from controller.plan.restore.window import newest
from controller.protocol.member import moment
from controller.protocol.settings import ProtocolError, S3Repository, Settings
from schemas.api.backup import Restore
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.moments import written

_AGAIN_SECONDS = 10.0
"""What is missing of another database comes without an event for this one."""


def refusal(
    db: PostgreSQLDatabase, restore: Restore, source: Source | None, now: datetime | None
) -> Stalled | Waiting | None:
    """Return what keeps the database from being restored; None if it can begin."""
    if source is None or source.name == "":
        return None
    return _missing(db, source) or _other_data(db, source) or _outside(restore, source, now)


def settings(source: Source) -> Settings | None:
    """Return what the source's pods are told about its backups; None while it has no archive."""
    try:
        return Settings.read(source.settings)
    except ProtocolError:
        return None


def target_time(restore: Restore) -> datetime | None:
    """Return the moment to restore to, if it is given as one."""
    return moment(restore.target_time) if restore.target_time is not UNSET else None


def reaches(source: Source, target: datetime | None, now: datetime | None) -> bool:
    """Whether the archive is known to reach to this moment."""
    ends = _newest(source, now)
    return target is not None and ends is not None and target <= ends


def _newest(source: Source, now: datetime | None) -> datetime | None:
    """Return the newest moment that can be restored, None where that is not known: of what does not run."""
    if source.db is None or source.archive or not source.exists:
        return None
    return newest(source.db, now)


def _missing(db: PostgreSQLDatabase, source: Source) -> Stalled | Waiting | None:
    where = f"{db.metadata.namespace}/{source.name}"
    if source.db is None:
        told = f"there is no PostgreSQLDatabase {where}, and none that was deleted with deletionPolicy Retain"
        return Stalled("SourceNotFound", told, after=_AGAIN_SECONDS)
    found = settings(source)
    if found is None or source.contents is None or not source.contents.backups:
        return _without_backup(source, source.db, where)
    if isinstance(found.repository, S3Repository) or source.serves:
        return None
    if not source.claim:
        told = f"the volume with the backups of {where} is gone"
        return Stalled("SourceNotFound", told, after=_AGAIN_SECONDS)
    if not unserved(source):
        return Waiting(_AGAIN_SECONDS, "SourceNotReady", f"the repository of {where} is not ready")
    return None


def _without_backup(source: Source, db: PostgreSQLDatabase, where: str) -> Stalled | Waiting:
    if source.archive:
        held = f"those that do: {', '.join(source.archives) or 'none'}"
        told = f"no archive {source.archive} of {where} is known to hold a backup; {held}"
    elif db.spec.backup_schedule == "":
        told = f'{where} makes no backups (backupSchedule: "")'
    elif source.exists:
        return Waiting(_AGAIN_SECONDS, "SourceNotReady", f"waiting for the first backup of {where}")
    else:
        told = f"{where} is gone, and has left no backup"
    return Stalled("SourceNotFound", told, after=_AGAIN_SECONDS)


def unserved(source: Source) -> bool:
    """Whether the server of the source's volume does not run, and is not to."""
    db = source.db
    awake = source.exists and db is not None and not db.spec.hibernated and db.spec.backup_schedule != ""
    return source.claim and not source.serves and not awake


def _other_data(db: PostgreSQLDatabase, source: Source) -> Stalled | None:
    """Report data that the new database could not serve as it is declared.

    What is noted of the data says nothing about an archive from before it.
    """
    if source.archive:
        return None
    # Its database may have been renamed since that was noted: the restore looks for it.
    declared = {"version": major(db), "owner": str(db.spec.owner)}
    different = {
        field: source.holds[field]
        for field in declared
        if source.holds.get(field, declared[field]) != declared[field]
    }
    if not different:
        return None
    are = ", ".join(f'{field}: "{value}"' for field, value in different.items())
    wanted = ", ".join(f'"{declared[field]}"' for field in different)
    return Stalled(
        "SourceDiffers",
        f"{source.name} has {are}, and not {wanted}: delete this object, and create it with that",
    )


def _outside(restore: Restore, source: Source, now: datetime | None) -> Stalled | Waiting | None:
    """Report a moment that is outside of what can be restored."""
    target, ends = target_time(restore), _newest(source, now)
    begins = source.contents.oldest_restorable if source.contents else ""
    if target is None:
        return None
    oldest = moment(begins)
    window = f"{source.name} can be restored from {begins}" + (f" to {written(ends)}" if ends else "")
    if oldest is not None and target < oldest:
        told = f"{restore.target_time} is too early: {window}; delete this object, and create it with another"
        return Stalled("TargetOutsideWindow", told)
    if ends is not None and target > ends:
        told = f"{restore.target_time} cannot be restored yet: {window}"
        return Waiting(_AGAIN_SECONDS, "SourceNotReady", told)
    return None
