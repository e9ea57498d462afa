"""spec.database and spec.owner: names that PostgreSQL takes and that keddah does not need itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import identifiers
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review

DATABASES_TAKEN = frozenset({"postgres", "template0", "template1"})
ROLES_TAKEN = frozenset({"postgres", "replication", "replicator", "rewind", "standby"})


def violations(review: Review) -> Iterator[Violation]:
    """Refuse what is no identifier, and the names of initdb and of keddah's own roles."""
    for field, name, taken in (
        ("database", review.spec.database, DATABASES_TAKEN),
        ("owner", review.spec.owner, ROLES_TAKEN),
    ):
        if not review.changed(field):
            continue
        problem = "is taken by keddah itself, choose another" if name in taken else identifiers.problem(name)
        if problem is not None:
            yield got(f"spec.{field}", name, problem)
