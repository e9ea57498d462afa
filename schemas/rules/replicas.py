"""spec.replicas: within the policy's bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.policy.policy import Policy
    from schemas.rules.review import Review

PATH = "spec.replicas"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse more or fewer instances than the policy allows."""
    if review.spec.replicas and review.changed("replicas"):
        yield from out_of_bounds(review.spec.replicas, review.policy)


def out_of_bounds(replicas: int, policy: Policy) -> Iterator[Violation]:
    """Check a number of instances against the policy."""
    if not policy.replicas.minimum <= replicas <= policy.replicas.maximum:
        allowed = f"must be from {policy.replicas.minimum} to {policy.replicas.maximum}"
        yield got(PATH, replicas, allowed)


def warnings(review: Review) -> Iterator[str]:
    """Warn that one instance is not highly available."""
    if review.spec.replicas == 1 and review.changed("replicas"):
        yield f"{PATH}: 1 means no high availability: the database is down whenever its node is"
