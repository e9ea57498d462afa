"""metadata.name: it becomes the name of Services and the prefix of every child's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.fields import LONGEST_NAME, NAME_PATTERN
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review

SUFFIX = 5
"""Characters that the API server adds to metadata.generateName."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse names that are not valid for a Service (RFC 1035) or too long for the children's suffixes."""
    if review.old is not None:
        return
    metadata = review.new.metadata
    # The schema bounds the name itself, but Python's `$` lets a last newline pass.
    if metadata.name.endswith("\n"):
        yield got("metadata.name", metadata.name, "must not end with a newline")
    prefix = metadata.generate_name
    if metadata.name or not prefix:
        return
    if len(prefix) + SUFFIX > LONGEST_NAME or not re.fullmatch(NAME_PATTERN, f"{prefix}x"):
        allowed = (
            f"must be at most {LONGEST_NAME - SUFFIX} characters of a-z, 0-9 and -, beginning with a letter"
        )
        yield got("metadata.generateName", prefix, allowed)
