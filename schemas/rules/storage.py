"""spec.storage: a size that PostgreSQL can start in. That it never shrinks is a relation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import amounts, quantity
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review

SMALLEST = "256Mi"
"""An empty database with its first WAL takes some 60 MB; below this it fills up at once."""
LARGEST = "64Ti"
"""The largest volume that cloud block stores give; more is a slip of the unit."""

_LEAST, _MOST = quantity.parse(SMALLEST), quantity.parse(LARGEST)


def violations(review: Review) -> Iterator[Violation]:
    """Refuse sizes that are no quantity, or that no database can live with."""
    if review.spec.storage.size and review.changed("storage"):
        if review.before is not None and review.before.storage.size == review.spec.storage.size:
            return
        yield from problems("spec.storage.size", review.spec.storage.size)


def problems(path: str, size: str) -> Iterator[Violation]:
    """Judge the size of one volume."""
    amount = amounts.amount(size)
    if amount is None:
        yield got(path, size, str(amounts.problem(size)))
    elif not _LEAST <= amount <= _MOST:
        yield got(path, size, f"must be from {SMALLEST} to {LARGEST}")
