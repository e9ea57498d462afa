"""spec.hba: each line is checked separately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.postgresql.hba import lines as hba
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.rules.review import Review


def violations(review: Review) -> Iterator[Violation]:
    """Refuse lines that PostgreSQL cannot load: it would silently keep the old file."""
    for index, line in _new_lines(review):
        problem = hba.problem(line)
        if problem is not None:
            yield got(f"spec.hba[{index}]", line, problem)


def warnings(review: Review) -> Iterator[str]:
    """Warn of lines that allow more than is wise."""
    for index, line in _new_lines(review):
        doubt = hba.warning(line)
        if doubt is not None:
            yield warning(f"spec.hba[{index}]: {doubt}")


def _new_lines(review: Review) -> Iterator[tuple[int, str]]:
    stored = set(review.before.hba) if review.before is not None else ()
    return ((index, line) for index, line in enumerate(review.spec.hba) if line not in stored and line)
