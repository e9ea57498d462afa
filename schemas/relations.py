"""Relations that are one line of CEL, each declared once for both who enforce it.

The CRD carries the CEL half, so that the API server holds the line with no webhook running; `admit`
evaluates the Python half, so that these mistakes are named together with all others. One template makes
both messages.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.amounts import amount
from schemas.types import Spec
from schemas.verdict import Violation, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A rule that relates fields to each other, or a field to its stored value."""

    at: str
    """The schema position that carries the CEL rule: `self` is what stands there."""
    cel: str
    value: Callable[[Spec], Any]
    """The Python half's operand, read from the new and from the stored spec."""
    holds: Callable[[Any, Any], bool] = operator.eq
    """The Python half, over the new and the stored operand."""
    message: str
    """`{self}` stands for what was given, `{oldSelf}` for what is stored, both strings."""
    child: str = ""
    """The field below `at` that is to blame, if it is not `at` itself."""
    given: str = "self"
    """The CEL expression behind `{self}`."""
    stored: str = "oldSelf"
    """The CEL expression behind `{oldSelf}`."""

    @property
    def transition(self) -> bool:
        """Whether it relates to what is stored, so that it says nothing about a new object."""
        return "oldSelf" in self.cel

    def validation(self) -> dict[str, str]:
        """Write the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel}
        pieces = re.split(r"(\{self\}|\{oldSelf\})", self.message)
        if len(pieces) == 1:
            entry["message"] = self.message
        else:
            operands = {"{self}": self.given, "{oldSelf}": self.stored}
            quoted = '"'.join(pieces)
            parts = re.split(r"(\{self\}|\{oldSelf\})", quoted)
            entry["messageExpression"] = " + ".join(
                operands.get(part) or f"'{part}'" for part in parts if part
            )
        if self.child:
            entry["fieldPath"] = self.child
        return entry

    def violation(self, review: Review) -> Violation | None:
        """Judge by the Python half; what did not change is not judged."""
        if review.before is None and self.transition:
            return None
        given = self.value(review.spec)
        stored = self.value(review.before) if review.before is not None else None
        if given == stored or self.holds(given, stored):
            return None
        message = self.message
        for operand, value in (("{self}", given), ("{oldSelf}", stored)):
            if operand in message:
                message = message.replace(operand, shown(value))
        return Violation(self.at + self.child, message)


def _immutable(at: str, value: Callable[[Spec], Any]) -> Relation:
    return Relation(
        at=at, cel="self == oldSelf", value=value, message="got {self}; cannot change from {oldSelf}"
    )


def _not_smaller(given: str, stored: str) -> bool:
    new, old = amount(given), amount(stored)
    return new is None or old is None or new >= old


def _never_shrinks(at: str, value: Callable[[Spec], Any]) -> Relation:
    return Relation(
        at=at,
        cel="!isQuantity(self) || !isQuantity(oldSelf) || quantity(self).compareTo(quantity(oldSelf)) >= 0",
        value=value,
        holds=_not_smaller,
        message="got {self}; cannot shrink from {oldSelf}",
    )


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _repository_size(spec: Spec) -> str:
    return spec.backup.repository.volume.size if spec.backup.repository.volume else ""


def _restore(spec: Spec) -> tuple[str, datetime | str] | None:
    """Give what CEL compares: to the API server a date-time is a moment, however it is spelled."""
    if not spec.restore:
        return None
    text = spec.restore.target_time or ""
    try:
        return spec.restore.from_, datetime.fromisoformat(text)
    except ValueError:
        return spec.restore.from_, text


# CEL's optional fields would read better, and cost more than the API server lets a rule cost.
_CLASS = "(has({0}.storage) && has({0}.storage.storageClassName) ? {0}.storage.storageClassName : '')"

RELATIONS: tuple[Relation, ...] = (
    _immutable("spec.database", lambda spec: spec.database),
    _immutable("spec.owner", lambda spec: spec.owner),
    Relation(
        at="spec.version",
        cel="int(self.split('.')[0]) >= int(oldSelf.split('.')[0])",
        value=lambda spec: spec.version or "",
        holds=lambda given, stored: not given or not stored or _major(given) >= _major(stored),
        message="got {self}; cannot go down from {oldSelf}: restore a dump into a new database",
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
    _never_shrinks("spec.storage.size", lambda spec: spec.storage.size or ""),
    Relation(
        at="spec.backup.repository",
        cel="!has(self.volume) || !has(self.s3)",
        value=lambda spec: bool(spec.backup.repository.volume) and bool(spec.backup.repository.s3),
        holds=lambda both, _: not both,
        message="got volume and s3; must be one of them",
    ),
    _never_shrinks("spec.backup.repository.volume.size", _repository_size),
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
        child=".restore",
        cel="has(self.restore) == has(oldSelf.restore)"
        " && (!has(self.restore) || self.restore == oldSelf.restore)",
        value=_restore,
        message="got a change; is used only when the database is created, and cannot change",
    ),
)


def violations(review: Review) -> Iterator[Violation]:
    """Judge every relation."""
    for relation in RELATIONS:
        violation = relation.violation(review)
        if violation is not None:
            yield violation


def at(path: str) -> list[dict[str, str]]:
    """Give the `x-kubernetes-validations` of one schema position."""
    return [relation.validation() for relation in RELATIONS if relation.at == path]
