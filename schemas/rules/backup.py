"""spec.backup: what keddah and pgBackRest can carry out. Its schedules are in `schemas.rules.schedule`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.api.backup import Repository, VolumeRepository
from schemas.kubernetes import amounts, duration
from schemas.rules import buckets
from schemas.verdict import Violation, got, shown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.backup import Backup
    from schemas.api.types import PostgreSQLDatabase, Spec
    from schemas.rules.review import Review

FULL_EVERY = "spec.backup.fullEvery"
REPOSITORY = "spec.backup.repository"
LONGEST_DAYS = 366
_DAY = 24 * 3600
_HOUR = 3600
_USUAL = VolumeRepository()

_seconds = lru_cache(maxsize=64)(duration.seconds)


def full_every(text: str) -> int | None:
    """Give the seconds after which a backup is full again; None where another rule reports the text."""
    try:
        return _seconds(text)
    except duration.DurationError:
        return None


def violations(review: Review) -> Iterator[Violation]:
    """Refuse what changed and cannot be carried out."""
    backup = review.spec.backup
    before = review.before.backup if review.before is not None else None
    if backup == before:
        return
    if before is None or backup.full_every != before.full_every:
        problem = _interval_problem(backup.full_every)
        if problem is not None:
            yield got(FULL_EVERY, backup.full_every, problem)
    if before is None or backup.repository != before.repository:
        yield from _repository(backup.repository, before.repository if before else Repository())
    if review.old is not None:
        yield from _moved(backup.repository, review.old)


def _interval_problem(text: str) -> str | None:
    try:
        seconds = _seconds(text)
    except duration.DurationError as error:
        return str(error)
    return f"must be at most {LONGEST_DAYS}d" if seconds > LONGEST_DAYS * _DAY else None


def _repository(given: Repository, before: Repository) -> Iterator[Violation]:
    size = volume(given).size if given.volume else None
    if size is not None and not (before.volume and before.volume.size == size):
        problem = amounts.volume_problem(size)
        if problem is not None:
            yield got(f"{REPOSITORY}.volume.size", size, problem)
    if given.s3 and given.s3 != before.s3:
        yield from buckets.violations(f"{REPOSITORY}.s3", given.s3)


def _moved(given: Repository, old: PostgreSQLDatabase) -> Iterator[Violation]:
    """Refuse another repository while this one holds backups: the past would be out of reach at once."""
    held = old.status.backups.count if old.status.backups else 0
    if not held:
        return
    before = _identity(old.spec.backup.repository)
    for field, value in _identity(given).items():
        if value != before.get(field):
            backups = f"{held} backup{'s' if held > 1 else ''}"
            expected = f"cannot change from {shown(before.get(field))} while the repository holds {backups}"
            yield got(f"{REPOSITORY}{field}", value, expected)
            if not field:
                return


def _identity(given: Repository) -> dict[str, str | bool | None]:
    """Give what tells one repository from another, by the field below `repository`.

    Not how it is reached: Secrets, the way of addressing and a volume's size may change.
    """
    if given.s3:
        found: dict[str, str | bool | None] = {
            "": "s3",
            ".s3.endpoint": given.s3.endpoint,
            ".s3.bucket": given.s3.bucket,
            ".s3.path": given.s3.path or None,
        }
    else:
        found = {"": "volume", ".volume.storageClassName": volume(given).storage_class_name or None}
    return {**found, ".encryption": bool(given.encryption)}


def secrets(given: Repository) -> tuple[object, ...]:
    """Give the Secrets that pods mount to reach a repository, and to read it."""
    found = (given.s3.credentials, given.s3.ca_secret) if given.s3 else ()
    return (*found, given.encryption)


def volume(given: Repository) -> VolumeRepository:
    """Give the volume of a repository that has no bucket; the default one where nothing is said."""
    return given.volume or _USUAL


def warnings(review: Review) -> Iterator[str]:
    """Warn of what is legal, and keeps less, or costs more, than it seems to."""
    backup, spec = review.spec.backup, review.spec
    if not spec.backup_schedule or not review.changed("backup", "backup_schedule", "storage"):
        return
    if review.changed("backup", "backup_schedule"):
        yield from map(warning, _durations(backup))
        yield from map(warning, _without_effect(spec))
        if backup.repository.s3:
            encrypted = bool(backup.repository.encryption)
            yield from buckets.warnings(f"{REPOSITORY}.s3", backup.repository.s3, encrypted=encrypted)
    if not backup.repository.s3:
        yield from map(warning, _room(spec))


def _durations(backup: Backup) -> Iterator[str]:
    days, full = backup.retention.days, full_every(backup.full_every)
    if full is not None and days * _DAY < full:
        given = f"{days} is shorter than fullEvery, {backup.full_every}"
        yield f"spec.backup.retention.days: {given}: a full backup stays until the next replaces it"
    if full is not None and 0 < full < _HOUR:
        hint = "most backups are full; is the unit right?"
        yield f"spec.backup.fullEvery: {backup.full_every} is less than an hour: {hint}"


def _without_effect(spec: Spec) -> Iterator[str]:
    backup = spec.backup
    if backup.suspended:
        yield "spec.backup.suspended: no backups are made; only WAL is archived, and nothing expires"
    if backup.verify.schedule == "":
        yield 'spec.backup.verify.schedule: "" means that nobody knows whether the backups restore'
    if backup.final_backup and spec.deletion_policy == "Retain":
        yield "spec.backup.finalBackup: has no effect with deletionPolicy Retain, which keeps all backups"


def _room(spec: Spec) -> Iterator[str]:
    size = volume(spec.backup.repository).size
    given, data = amounts.amount(size), amounts.amount(spec.storage.size or None)
    if given is not None and data is not None and given < data:
        days = spec.backup.retention.days
        less = f"{size} is less than storage.size, {spec.storage.size}"
        yield f"{REPOSITORY}.volume.size: {less}, and keeps {days} days"
