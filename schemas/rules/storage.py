"""spec.storage: a usable size. That it never shrinks is checked in `schemas.rules.relations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.kubernetes import amounts
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review


def violations(review: Review) -> Iterator[Violation]:
    """Refuse sizes that are not a quantity, too small for a database, or implausibly large."""
    size = review.spec.storage.size
    if not size or (review.before is not None and review.before.storage.size == size):
        return
    problem = amounts.volume_problem(size)
    if problem is not None:
        yield got("spec.storage.size", size, problem)
