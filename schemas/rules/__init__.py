"""The rules: one module a subject, each a function from a review to violations.

A rule looks only at what changed (`Review.changed`), gives every mistake it finds, and never raises.
What the CRD's schema says is not said again here; relations with a CEL half are in `schemas.relations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import relations
from schemas.rules import (
    capacity,
    hba,
    identifiers,
    later,
    memory,
    name,
    parameters,
    replicas,
    resources,
    schedule,
    storage,
    template,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from schemas.review import Review
    from schemas.verdict import Violation

RULES: tuple[Callable[[Review], Iterable[Violation]], ...] = (
    name.violations,
    version.violations,
    replicas.violations,
    schedule.violations,
    identifiers.violations,
    storage.violations,
    resources.violations,
    parameters.violations,
    capacity.violations,
    memory.violations,
    hba.violations,
    template.violations,
    relations.violations,
    later.violations,
)


def violations(review: Review) -> Iterator[Violation]:
    """Apply every rule, in the order of the fields, one violation a path: the first says enough."""
    seen = set()
    for rule in RULES:
        for violation in rule(review):
            if violation.path not in seen:
                seen.add(violation.path)
                yield violation
