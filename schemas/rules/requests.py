"""Annotations that ask for something once: a backup, a verification, a restore in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.kubernetes import moments
from schemas.rules import restore
from schemas.verdict import Violation, field_path, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.api.types import PostgreSQLDatabase
    from schemas.rules.review import Review

BACKUP: Final = "keddah.dev/backup-now"
"""A backup for each value that is new."""
VERIFICATION: Final = "keddah.dev/verify-now"
RESTORE: Final = "keddah.dev/restore-to"
"""The moment, in RFC 3339, to which the database is restored in place."""
FORMER: Final = "former"
"""Or this instead of a moment: the data comes back that the last restore in place has replaced."""
REQUESTS: Final = (BACKUP, VERIFICATION, RESTORE)
_REQUESTS = frozenset(REQUESTS)

_ID = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:+]{0,61}[A-Za-z0-9])?")
_EXPECTED = "must be an id of 1 to 63 letters, digits and - _ . : +, a letter or digit at both ends"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse requests that nothing could carry out."""
    for name, value in fresh(review.new.metadata.annotations, _stored(review)):
        path = field_path("metadata.annotations", name)
        if name != RESTORE and not _ID.fullmatch(value):
            yield got(path, value, _EXPECTED)
        elif name == RESTORE and value != FORMER:
            yield from restore.moment(path, value, review.now, f' or "{FORMER}"')
        # A new object may come from a manifest whose requests were carried out long ago.
        if review.old is not None:
            yield from _impossible(path, name, value, review.new)


def _impossible(path: str, name: str, value: str, db: PostgreSQLDatabase) -> Iterator[Violation]:
    if db.spec.backup_schedule == "":
        yield got(path, value, 'needs backups, and spec.backupSchedule is "": set a schedule first')
    if name != RESTORE:
        return
    if db.spec.deletion_protection:
        expected = "replaces the data, and spec.deletionProtection is true: set it to false first"
        yield got(path, value, expected)
    if db.spec.hibernated:
        yield got(path, value, "needs all of the WAL archived, and spec.hibernated is true: wake it first")
    known = db.status.backups
    oldest = moments.parse(known.oldest_restorable_time or "") if known else None
    wanted = moments.parse(value)
    if wanted is not None and oldest is not None and wanted < oldest:
        yield got(path, value, f"is before {moments.written(oldest)}, the oldest moment that can be restored")


def warnings(review: Review) -> Iterator[str]:
    """Say what a restore in place does; that a new database has nothing to restore."""
    for name, value in fresh(review.new.metadata.annotations, _stored(review)):
        if name == RESTORE and review.old is None:
            path = field_path("metadata.annotations", name)
            yield warning(f"{path}: a new database has nothing to restore; leave it out")
        elif value == FORMER and name == RESTORE:
            yield "restore-to former: stops, and takes back the data from before the last restore"
        elif name == RESTORE:
            yield warning(f"restore-to {value}: stops, and loses all changes since; the present volumes stay")


def fresh(annotations: Mapping[str, str], stored: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the requests that are new, with their values."""
    if _REQUESTS.isdisjoint(annotations):  # as nearly always
        return
    for name in REQUESTS:
        value = annotations.get(name)
        if value is not None and value != stored.get(name):
            yield name, value


def _stored(review: Review) -> Mapping[str, str]:
    return review.old.metadata.annotations if review.old is not None else {}
