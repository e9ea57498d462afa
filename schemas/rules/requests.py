"""Annotations that ask for something once: a backup, a restore in place, new passwords, a switchover."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from schemas.kubernetes import moments
from schemas.rules import restore
from schemas.rules.access import names, roles
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

SWITCHOVER: Final = "keddah.dev/switchover-now"
RESTART: Final = "keddah.dev/restart-now"
"""Of every instance, or of the one that stands behind the id: ID/INSTANCE. So it is for a switchover."""
RELOAD: Final = "keddah.dev/reload-now"
PAUSE: Final = "keddah.dev/pause-now"
RESUME: Final = "keddah.dev/resume-now"

OF_BACKUPS: Final = (BACKUP, VERIFICATION, RESTORE)
OF_INSTANCES: Final = (SWITCHOVER, RESTART, RELOAD, PAUSE, RESUME)
ROTATION: Final = "keddah.dev/rotate-passwords"
"""New passwords of all roles, or of those that stand behind the id: ID/ROLE,ROLE."""
NO_ROLE: Final = 'names no role behind "/"; leave out "/" for all roles'
"""What is wrong with ID/, as a script writes it whose variable is empty."""

REQUESTS: Final = (*OF_BACKUPS, *OF_INSTANCES, ROTATION)
_REQUESTS = frozenset(REQUESTS)
_NAMES_ONE: Final = frozenset({SWITCHOVER, RESTART})

_ID = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:+]{0,61}[A-Za-z0-9])?")
_EXPECTED = "must be an id of 1 to 63 letters, digits and - _ . : +, a letter or digit at both ends"
_OR_ONE = f"{_EXPECTED}; /INSTANCE may follow"


def split(value: str) -> tuple[str, str]:
    """Return the id of a request, and what it names: an instance, roles; "" for nothing."""
    identity, _, named = value.partition("/")
    return identity, named


def violations(review: Review) -> Iterator[Violation]:
    """Refuse requests that nothing could carry out."""
    for name, value in fresh(review.new.metadata.annotations, _stored(review)):
        path = field_path("metadata.annotations", name)
        if name in _NAMES_ONE:
            yield from _of_one(path, value, review.new)
        elif name == ROTATION:
            yield from _rotation(path, value, review)
        elif name != RESTORE and not _ID.fullmatch(value):
            yield got(path, value, _EXPECTED)
        elif name == RESTORE and value != FORMER:
            yield from restore.moment(path, value, review.now, f' or "{FORMER}"')
        # A new object may come from a manifest whose requests were carried out long ago.
        if review.old is not None and name != ROTATION:
            yield from _impossible(path, name, value, review.new)


def _of_one(path: str, value: str, db: PostgreSQLDatabase) -> Iterator[Violation]:
    identity, instance = split(value)
    if not _ID.fullmatch(identity) or (not instance and "/" in value):
        yield got(path, value, _OR_ONE)
    elif instance and not re.fullmatch(rf"{re.escape(db.metadata.name)}-\d{{1,2}}", instance):
        yield got(path, value, f"must name an instance, such as {identity}/{db.metadata.name}-1")


def rotated(value: str) -> tuple[str, tuple[str, ...]]:
    """Read a request for new passwords: its id, and the roles that it names; none for all of them.

    One that `names_nobody` has a name that no role has.
    """
    request, roles = split(value)
    if names_nobody(value):
        return request, ("",)
    return request, tuple(filter(None, (role.strip() for role in roles.split(","))))


def names_nobody(value: str) -> bool:
    """Whether a request for new passwords is to name roles, and names none: it must not mean all of them."""
    return "/" in value and not split(value)[1].strip(" ,")


def _rotation(path: str, value: str, review: Review) -> Iterator[Violation]:
    request, named = rotated(value)
    if not _ID.fullmatch(request):
        yield got(path, value, f"{_EXPECTED}; or this and roles: {request or 'ID'}/app,reader")
    if names_nobody(value):
        yield got(path, value, NO_ROLE)
        return
    declared = {role.name: role for role in roles.with_owner(review.spec)}
    for name in named:
        place = f"{path}({name})"
        if name not in declared:
            yield got(place, name, names.unknown(name, declared, "roles that are"))
        elif why := roles.cannot_rotate(declared[name], review.spec):
            yield got(place, name, why)


def _impossible(path: str, name: str, value: str, db: PostgreSQLDatabase) -> Iterator[Violation]:
    if name in OF_INSTANCES:
        yield from _impossible_now(path, name, value, db)
        return
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


def _impossible_now(path: str, name: str, value: str, db: PostgreSQLDatabase) -> Iterator[Violation]:
    if db.spec.hibernated:
        yield got(path, value, "needs instances that run, and spec.hibernated is true: wake it first")
    elif name == SWITCHOVER and db.spec.replicas in (1, UNSET):
        yield got(path, value, "needs a standby, and spec.replicas is 1: scale up first")


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
        elif name == PAUSE and review.old is not None:
            yield warning(f"pause-now {value}: nobody fails over, and nothing is restarted, until resume-now")


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
