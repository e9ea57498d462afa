"""spec.template.tolerations (ValidateTolerations)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from schemas.kubernetes import labels
from schemas.verdict import Violation, field_path, got, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.pod import Toleration

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def violations(path: str, given: list[Toleration]) -> Iterator[Violation]:
    """Refuse what Kubernetes refuses of a toleration."""
    for index, toleration in enumerate(given):
        yield from _toleration(field_path(path, index), toleration)


def _toleration(path: str, given: Toleration) -> Iterator[Violation]:
    operator = given.operator or "Equal"
    if operator not in ("Equal", "Exists"):
        # Gt and Lt need a feature gate that is off unless somebody turns it on.
        yield got(f"{path}.operator", given.operator, "must be Equal or Exists")
    elif not given.key and operator != "Exists":
        yield got(f"{path}.key", given.key or None, "must be a taint's key, unless operator is Exists")
    elif operator == "Exists" and given.value:
        yield got(f"{path}.value", given.value, "must be left out where operator is Exists")
    if given.key and (problem := labels.key_problem(given.key)):
        yield got(f"{path}.key", given.key, problem)
    if given.value and operator == "Equal" and (problem := labels.value_problem(given.value)):
        yield got(f"{path}.value", given.value, problem)
    if given.effect and given.effect not in EFFECTS:
        yield got(f"{path}.effect", given.effect, f"must be {listed(EFFECTS, joint='or')}")
    elif given.toleration_seconds is not UNSET and given.effect != "NoExecute":
        yield got(
            f"{path}.tolerationSeconds", given.toleration_seconds, "needs effect NoExecute, or to be left out"
        )
