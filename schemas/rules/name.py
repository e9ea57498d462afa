"""metadata.name: it becomes the name of Services and the prefix of every child's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.api.fields import LONGEST_NAME, NAME_PATTERN
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review

CHILDREN = ("ro", "pods", "repository", "source", "pooler")
"""Endings of children that are of a kind of which a database has one of its own name as well: the Services
NAME-ro and NAME-pods, what serves backups, and what is to come. A database with such a name takes them from
another."""

SUFFIX = 5
"""Characters that the API server adds to metadata.generateName."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse names that are not valid for a Service (RFC 1035) or too long for the children's suffixes."""
    if review.old is not None:
        return
    metadata = review.new.metadata
    ending = metadata.name.rpartition("-")[2]
    if "-" in metadata.name and ending in CHILDREN:
        base = metadata.name.removesuffix(f"-{ending}")
        expected = f"must not end with -{ending}: a database {base} has a child of this name"
        yield got("metadata.name", metadata.name, expected)
    prefix = metadata.generate_name
    if metadata.name or not prefix:
        return
    if len(prefix) + SUFFIX > LONGEST_NAME or not re.fullmatch(NAME_PATTERN, f"{prefix}x"):
        allowed = (
            f"must be at most {LONGEST_NAME - SUFFIX} characters of a-z, 0-9 and -, beginning with a letter"
        )
        yield got("metadata.generateName", prefix, allowed)
