"""spec.database and spec.owner: valid PostgreSQL names that keddah does not use itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.postgresql import identifiers
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review


def violations(review: Review) -> Iterator[Violation]:
    """Refuse invalid identifiers, and the names of initdb's databases and of keddah's roles."""
    spec = review.spec
    database = identifiers.problem(spec.database, "database") if review.changed("database") else None
    if database is not None:
        yield got("spec.database", spec.database, database)
    owner = identifiers.problem(spec.owner, "role") if review.changed("owner") else None
    if owner is not None:
        yield got("spec.owner", spec.owner, owner)


def warnings(review: Review) -> Iterator[str]:
    """Warn of names that must be quoted in SQL."""
    for field, name in (("database", review.spec.database), ("owner", review.spec.owner)):
        doubt = identifiers.warning(name) if review.changed(field) else None
        if doubt is not None:
            yield warning(f"spec.{field}: {doubt}")
