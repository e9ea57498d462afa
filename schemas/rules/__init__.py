"""The rules: one module for each subject, each with a function from a review to violations.

A rule checks only what changed (`Review.changed`), reports every mistake it finds, and never raises. What the
CRD's schema checks is not repeated here; rules that are also CEL are in `schemas.rules.relations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.rules import (
    access,
    backup,
    capacity,
    extensions,
    hba,
    identifiers,
    memory,
    monitoring,
    name,
    network,
    parameters,
    relations,
    replicas,
    requests,
    resources,
    restore,
    schedule,
    services,
    storage,
    template,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from schemas.rules.review import Review
    from schemas.verdict import Violation

RULES: tuple[Callable[[Review], Iterable[Violation]], ...] = (
    name.violations,
    requests.violations,
    version.violations,
    replicas.violations,
    schedule.violations,
    backup.violations,
    restore.violations,
    identifiers.violations,
    access.violations,
    extensions.violations,
    storage.violations,
    resources.violations,
    parameters.violations,
    capacity.violations,
    memory.violations,
    hba.violations,
    network.violations,
    monitoring.violations,
    services.violations,
    template.violations,
    relations.violations,
)


def violations(review: Review) -> Iterator[Violation]:
    """Apply every rule, in the order of the fields; report only the first violation of each path."""
    seen = set()
    for rule in RULES:
        for violation in rule(review):
            if violation.path not in seen:
                seen.add(violation.path)
                yield violation
