"""Validates an object: its structure, then every rule, with all mistakes in one verdict, then warnings.

Pure, and used alike by the admission server, the controller and the linter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from schemas import consequences, rules
from schemas.review import Review
from schemas.types import decode
from schemas.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from schemas.policy import Policy

ACCEPTED = Verdict()


def admit(
    new: Mapping[str, Any], old: Mapping[str, Any] | None = None, *, policy: Policy, today: date
) -> Verdict:
    """Validate an object, with or without its defaults, as an update of `old` (None on creation).

    `today` is the UTC date to which the releases' end-of-life dates are compared.
    """
    if _nothing_to_judge(new, old):
        return ACCEPTED
    try:
        review = Review(decode(new), decode(old) if old is not None else None, policy, today)
    except msgspec.ValidationError:
        return _with_broken_structure(new, old, policy, today)
    violations = tuple(rules.violations(review))
    return Verdict(violations) if violations else Verdict((), tuple(consequences.warnings(review)))


def admit_scale(new: int, old: int | None, *, name: str, policy: Policy) -> Verdict:
    """Validate a change of replicas through the scale subresource, from `old` to `new`."""
    if new == old:
        return ACCEPTED
    violations = tuple(rules.replicas.out_of_bounds(new, policy))
    if violations or old is None:
        return Verdict(violations)
    return Verdict((), tuple(consequences.of_scaling(name, old, new)))


def _nothing_to_judge(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    metadata = new.get("metadata")
    if isinstance(metadata, dict) and metadata.get("deletionTimestamp") is not None:
        return True  # its finalizers must be removable, even if rules have become stricter
    return old is not None and new.get("spec") == old.get("spec")


def _with_broken_structure(
    new: Mapping[str, Any], old: Mapping[str, Any] | None, policy: Policy, today: date
) -> Verdict:
    # Imported here: jsonschema is some 15 MB that right objects never need.
    from schemas import structure  # noqa: PLC0415

    found = structure.examine(new, old, policy)
    if found.sound is None:
        return Verdict(found.violations)
    review = Review(found.sound, found.stored, policy, today)
    broken = tuple(violation.path for violation in found.violations)
    judged = (violation for violation in rules.violations(review) if not _below(violation.path, broken))
    violations = (*found.violations, *judged)
    return Verdict(violations) if violations else Verdict((), tuple(consequences.warnings(review)))


def _below(path: str, broken: tuple[str, ...]) -> bool:
    """Whether a path is at or below one with a structural mistake, which is reported already."""
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in broken)
