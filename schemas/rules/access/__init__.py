"""spec.databases and spec.roles: names that fit, and references that lead somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.rules.access import databases, roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review
    from schemas.verdict import Violation


def violations(review: Review) -> Iterator[Violation]:
    """Refuse what the server would refuse, and what belongs to keddah."""
    if review.changed("databases", "roles", "owner", "database"):
        yield from databases.violations(review)
        yield from databases.forgotten(review)
        yield from roles.violations(review)


def warnings(review: Review) -> Iterator[str]:
    """Say what becomes of the entries that are taken out, and what new ones take."""
    if review.changed("databases"):
        yield from databases.room(review.spec)
    if review.before is not None and review.changed("databases", "roles"):
        yield from databases.removals(review.spec, review.before)
        yield from roles.removals(review.spec, review.before)
