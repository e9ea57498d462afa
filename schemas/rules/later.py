"""Fields that the API has and this release does not implement: refused, never silently ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.types import Backup, VolumeRepository
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review

NOT_YET = "is not supported yet; leave it out"
PLAIN = Backup()
VOLUME = VolumeRepository()


def violations(review: Review) -> Iterator[Violation]:
    """Refuse restores, and settings of backups other than the defaults."""
    spec = review.spec
    if spec.restore and review.changed("restore"):
        yield got("spec.restore.from", spec.restore.from_, NOT_YET)
    if not review.changed("backup"):
        return
    backup = spec.backup
    for path, given, default in (
        ("timeZone", backup.time_zone, PLAIN.time_zone),
        ("suspended", backup.suspended, PLAIN.suspended),
        ("retention.full", backup.retention.full, PLAIN.retention.full),
        ("repository.volume", backup.repository.volume or VOLUME, VOLUME),
        ("repository.s3", backup.repository.s3 or None, None),
    ):
        if given != default:
            yield got(f"spec.backup.{path}", given, NOT_YET)


def warnings(review: Review) -> Iterator[str]:
    """Say that schedules are stored and no backup is made."""
    if review.spec.backup_schedule and review.changed("backup_schedule"):
        yield "spec.backupSchedule: stored, but this release makes no backups yet"
