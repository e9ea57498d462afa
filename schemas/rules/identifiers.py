"""spec.database and spec.owner: names that PostgreSQL takes and that keddah does not need itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import identifiers
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review


def violations(review: Review) -> Iterator[Violation]:
    """Refuse what is no identifier, and the names of initdb and of keddah's own roles."""
    spec = review.spec
    database = identifiers.problem(spec.database, "database") if review.changed("database") else None
    if database is not None:
        yield got("spec.database", spec.database, database)
    owner = identifiers.problem(spec.owner, "role") if review.changed("owner") else None
    if owner is not None:
        yield got("spec.owner", spec.owner, owner)


def warnings(review: Review) -> Iterator[str]:
    """Tell of names that SQL must quote."""
    for field, name in (("database", review.spec.database), ("owner", review.spec.owner)):
        doubt = identifiers.warning(name) if review.changed(field) else None
        if doubt is not None:
            yield warning(f"spec.{field}: {doubt}")
