"""Validates an object: its structure, then every rule, with all mistakes in one verdict, then warnings.

Pure, and used alike by the admission server, the controller and the linter.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from schemas import consequences, extent, rules
from schemas.api.types import decode
from schemas.rules.review import Review
from schemas.verdict import Verdict, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.policy.policy import Policy

ACCEPTED = Verdict()


def admit(
    new: Mapping[str, Any],
    old: Mapping[str, Any] | None = None,
    *,
    policy: Policy,
    now: datetime,
    warned: bool = True,
) -> Verdict:
    """Validate an object, with or without its defaults, as an update of `old` (None on creation).

    `now` is what end-of-life dates, and moments to restore, are compared with. Without `warned`, an accepted
    object's verdict has no warnings.
    """
    if _unchanged(new, old):
        return ACCEPTED
    given = extent.bounded(new, old)
    stored = extent.bounded(old).manifest if old is not None else None
    try:
        review = Review(decode(given.manifest), decode(stored) if stored is not None else None, policy, now)
    except msgspec.ValidationError:
        return _with_broken_structure(given, stored, policy, now)
    return _verdict(review, given.violations, warned=warned)


def _verdict(
    review: Review,
    broken: tuple[Violation, ...],
    patched: frozenset[str] = frozenset(),
    lacking: frozenset[str] = frozenset(),
    *,
    warned: bool = True,
) -> Verdict:
    """Add what the rules find, except at, below or just beside what is broken already, or of its lack."""
    paths = tuple(violation.path for violation in broken)
    judged = (
        violation
        for violation in rules.violations(review)
        if not _below(violation.path, paths)
        and violation.path not in lacking
        and violation.path.rpartition(".")[0] not in patched
    )
    violations = (*broken, *islice(judged, max(extent.MOST_VIOLATIONS + 1 - len(broken), 0)))
    if violations or not warned:
        return Verdict(violations)
    return Verdict((), tuple(consequences.warnings(review)))


def admit_scale(new: int, old: int | None, *, name: str, policy: Policy) -> Verdict:
    """Validate a change of replicas through the scale subresource, from `old` to `new`."""
    if new == old:
        return ACCEPTED
    violations = tuple(rules.replicas.out_of_bounds(new, policy))
    if violations or old is None:
        return Verdict(violations)
    return Verdict((), tuple(consequences.of_scaling(name, old, new)))


def _unchanged(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    metadata = new.get("metadata")
    if isinstance(metadata, dict) and metadata.get("deletionTimestamp") is not None:
        return True  # its finalizers must be removable, even if rules have become stricter
    if old is None or not extent.alike(new.get("spec"), old.get("spec")):
        return False
    return not any(rules.requests.fresh(_annotations(new), _annotations(old)))


def _annotations(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = manifest.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _with_broken_structure(
    given: extent.Bounded, old: Mapping[str, Any] | None, policy: Policy, now: datetime
) -> Verdict:
    # Imported here: jsonschema is some 15 MB that right objects never need.
    from schemas import structure  # noqa: PLC0415

    found = structure.examine(given.manifest, old, policy)
    excess = tuple(violation.path for violation in given.violations)
    broken = (*given.violations, *(v for v in found.violations if not _below(v.path, excess)))
    if found.sound is None:
        return Verdict(broken)
    return _verdict(Review(found.sound, found.stored, policy, now), broken, found.patched, found.lacking)


def _below(path: str, broken: tuple[str, ...]) -> bool:
    """Whether a path is at or below one with a structural mistake, which is reported already."""
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in broken)
