"""Relations that are one line of CEL, each declared once for both who enforce it.

The CRD carries the CEL half, so that the API server holds the line with no webhook running; `admit`
evaluates the Python half, so that these mistakes are named together with all others. One template makes
both messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from schemas.api.types import PostgreSQLDatabase, Spec
from schemas.kubernetes.amounts import amount
from schemas.rules import backup
from schemas.rules.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.backup import Restore
    from schemas.rules.review import Review
    from schemas.verdict import Violation


def _immutable(at: str, value: Callable[[Spec], Any]) -> Relation:
    return Relation(
        at=at, cel="self == oldSelf", value=value, message="got {self}; cannot change from {oldSelf}"
    )


def _not_smaller(given: str, stored: str) -> bool:
    new, old = amount(given), amount(stored)
    return new is None or old is None or new >= old


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _repository_size(spec: Spec) -> str:
    if spec.backup.repository.s3:
        return ""
    return backup.volume(spec.backup.repository).size


class _RepositorySize(Relation):
    """The size of the repository's volume, which there is none of as long as there are no backups."""

    def stored_value(self, review: Review) -> Any:  # noqa: ANN401 - as `value`
        """Return the stored size; "" where there is no such volume."""
        before = review.before
        return "" if before is None or before.backup_schedule == "" else self.value(before)


def _restore(spec: Spec) -> tuple[Restore, datetime | str] | None:
    """Give what CEL compares: to the API server a date-time is a moment, however it is spelled."""
    if not spec.restore:
        return None
    text = spec.restore.target_time or ""
    rest = structs.replace(spec.restore, target_time=UNSET)
    try:
        return rest, datetime.fromisoformat(text)
    except ValueError:
        return rest, text


def _sources(spec: Spec) -> int:
    return sum(map(bool, (spec.restore.from_.name, spec.restore.from_.s3))) if spec.restore else 1


def _targets(spec: Spec) -> int:
    given = spec.restore
    return sum(map(bool, (given.target_time, given.target_lsn, given.target_name))) if given else 0


class _StorageSize(Relation):
    """The size of the volumes, which goes down as far as none of them has grown yet."""

    @property
    def transition(self) -> bool:
        """It relates to what is stored."""
        return True

    def floor(self, old: PostgreSQLDatabase) -> str:
        """Return what the size cannot go below: what the volumes have, as far as the status tells it."""
        before, has = self.value(old.spec), old.status.volume_size or ""
        asked, there = amount(before or None), amount(has or None)
        return has if asked is not None and there is not None and there < asked else before

    def stored_value(self, review: Review) -> Any:  # noqa: ANN401 - as `value`
        """Return the floor."""
        return self.floor(review.old) if review.old is not None else None


class _Version(Relation):
    """The version, whose major goes down as far as the server has not been upgraded to it yet."""

    @property
    def transition(self) -> bool:
        """It relates to what is stored."""
        return True

    def stored_value(self, review: Review) -> Any:  # noqa: ANN401 - as `value`
        """Return the version that the server runs, where it is of an older major than what is stored."""
        if review.old is None:
            return None
        before, runs = self.value(review.old.spec), review.old.status.current_version or ""
        older = before and _RUNS.match(runs) and _major(runs) < _major(before)
        return runs if older else before


_RUNS = re.compile(r"[0-9]+[.]", re.ASCII)
_VERSION = "(has({0}.spec) && has({0}.spec.version) ? {0}.spec.version : '')"
_RUNNING = "(has(oldSelf.status) && has(oldSelf.status.currentVersion) ? oldSelf.status.currentVersion : '')"
_OLDEST = (
    f"({_RUNNING}.matches('^[0-9]+[.]') && {_VERSION.format('oldSelf')} != ''"
    f" && int({_RUNNING}.split('.')[0]) < int({_VERSION.format('oldSelf')}.split('.')[0])"
    f" ? {_RUNNING} : {_VERSION.format('oldSelf')})"
)

_SIZE = "(has({0}.spec) && has({0}.spec.storage) && has({0}.spec.storage.size) ? {0}.spec.storage.size : '')"
_VOLUMES = "(has(oldSelf.status) && has(oldSelf.status.volumeSize) ? oldSelf.status.volumeSize : '')"
_FLOOR = (
    f"(isQuantity({_VOLUMES}) && isQuantity({_SIZE.format('oldSelf')})"
    f" && quantity({_VOLUMES}).isLessThan(quantity({_SIZE.format('oldSelf')}))"
    f" ? {_VOLUMES} : {_SIZE.format('oldSelf')})"
)

# CEL's optional fields would read better, and cost more than the API server lets a rule cost.
_CLASS = "(has({0}.storage) && has({0}.storage.storageClassName) ? {0}.storage.storageClassName : '')"

_REPOSITORY = (
    "(!has({0}.backup) || !has({0}.backup.repository) ? '10Gi' : has({0}.backup.repository.s3) ? ''"
    " : has({0}.backup.repository.volume) && has({0}.backup.repository.volume.size)"
    " ? {0}.backup.repository.volume.size : '10Gi')"
)
_STORED_REPOSITORY = (
    f"(has(oldSelf.backupSchedule) && oldSelf.backupSchedule == '' ? '' : {_REPOSITORY.format('oldSelf')})"
)

RELATIONS: tuple[Relation, ...] = (
    _immutable("spec.database", lambda spec: spec.database),
    _immutable("spec.owner", lambda spec: spec.owner),
    _Version(
        at="",
        child=".spec.version",
        cel=f"{_VERSION.format('self')} == '' || {_OLDEST} == ''"
        f" || int({_VERSION.format('self')}.split('.')[0]) >= int({_OLDEST}.split('.')[0])",
        value=lambda spec: spec.version or "",
        holds=lambda given, stored: not given or not stored or _major(given) >= _major(stored),
        message="got {self}; cannot go down from {oldSelf}: restore a dump into a new database",
        given=_VERSION.format("self"),
        stored=_OLDEST,
    ),
    Relation(
        at="spec",
        child=".storage.storageClassName",
        cel=f"{_CLASS.format('self')} == {_CLASS.format('oldSelf')}",
        value=lambda spec: spec.storage.storage_class_name or "",
        message="got {self}; cannot change from {oldSelf}: dump and restore into a new database",
        given=_CLASS.format("self"),
        stored=_CLASS.format("oldSelf"),
    ),
    _StorageSize(
        at="",
        child=".spec.storage.size",
        cel=f"!isQuantity({_SIZE.format('self')}) || !isQuantity({_FLOOR})"
        f" || quantity({_SIZE.format('self')}).compareTo(quantity({_FLOOR})) >= 0",
        value=lambda spec: spec.storage.size or "",
        holds=_not_smaller,
        message="got {self}; cannot be less than {oldSelf}, the size that the volumes have",
        given=_SIZE.format("self"),
        stored=_FLOOR,
    ),
    Relation(
        at="spec.backup.repository",
        cel="!has(self.volume) || !has(self.s3)",
        value=lambda spec: bool(spec.backup.repository.volume) and bool(spec.backup.repository.s3),
        holds=lambda both, _: not both,
        message="got volume and s3; must be one of them",
    ),
    _RepositorySize(
        at="spec",
        child=".backup.repository.volume.size",
        cel=f"!isQuantity({_STORED_REPOSITORY}) || !isQuantity({_REPOSITORY.format('self')})"
        f" || quantity({_REPOSITORY.format('self')}).compareTo(quantity({_STORED_REPOSITORY})) >= 0",
        value=_repository_size,
        holds=_not_smaller,
        message="got {self}; cannot shrink from {oldSelf}",
        given=_REPOSITORY.format("self"),
        stored=_STORED_REPOSITORY,
    ),
    Relation(
        at="spec",
        child=".synchronous",
        cel="!has(self.synchronous) || self.synchronous != 'Strict'"
        " || !has(self.replicas) || self.replicas > 1",
        value=lambda spec: spec.synchronous == "Strict" and spec.replicas == 1,
        holds=lambda alone, _: not alone,
        message='got "Strict" with 1 replica; must have 2 or more, or no commit is acknowledged',
    ),
    Relation(
        at="spec",
        child=".backup.finalBackup",
        cel="!has(self.backupSchedule) || self.backupSchedule != ''"
        " || !has(self.deletionPolicy) || self.deletionPolicy != 'Delete'"
        " || !has(self.backup) || !has(self.backup.finalBackup) || !self.backup.finalBackup",
        value=lambda spec: (
            spec.backup_schedule == "" and spec.deletion_policy == "Delete" and spec.backup.final_backup
        ),
        holds=lambda impossible, _: not impossible,
        message='got true with deletionPolicy Delete and backupSchedule ""; needs a schedule, or to be false',
    ),
    Relation(
        at="spec.restore.from",
        cel="has(self.name) != has(self.s3)",
        value=_sources,
        holds=lambda sources, _: sources == 1,
        message="got name and s3, or neither; must be one of them",
    ),
    Relation(
        at="spec.restore",
        cel="[has(self.targetTime), has(self.targetLSN), has(self.targetName)].filter(x, x).size() < 2",
        value=_targets,
        holds=lambda targets, _: targets < 2,  # noqa: PLR2004
        message="got several of targetTime, targetLSN and targetName; must be at most one of them",
    ),
    Relation(
        at="spec",
        child=".restore",
        cel="has(self.restore) == has(oldSelf.restore)"
        " && (!has(self.restore) || self.restore == oldSelf.restore)",
        value=_restore,
        message="got a change; is used only when the database is created, and cannot change",
    ),
)


_OF_NEW = tuple(relation for relation in RELATIONS if not relation.transition)


def violations(review: Review) -> Iterator[Violation]:
    """Judge every relation."""
    for relation in RELATIONS if review.before is not None else _OF_NEW:
        violation = relation.violation(review)
        if violation is not None:
            yield violation


def at(path: str) -> list[dict[str, str]]:
    """Give the `x-kubernetes-validations` of one schema position."""
    return [relation.validation() for relation in RELATIONS if relation.at == path]
