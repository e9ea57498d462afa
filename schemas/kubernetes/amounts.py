"""Quantities, parsed for comparison by the rules; cached, because the same few recur."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.kubernetes import quantity

if TYPE_CHECKING:
    from decimal import Decimal

SMALLEST_VOLUME = "256Mi"
"""An empty database with its first WAL takes some 60 MB; below this it fills up at once."""
LARGEST_VOLUME = "64Ti"
"""The largest volume that cloud block stores give; more is a slip of the unit."""

_SMALLEST, _LARGEST = quantity.parse(SMALLEST_VOLUME), quantity.parse(LARGEST_VOLUME)


@lru_cache(maxsize=1024, typed=True)
def amount(text: str | int | None) -> Decimal | None:
    """Return an amount; None for None, and for what is not a quantity, which another rule reports."""
    if text is None:
        return None
    try:
        return quantity.parse(text)
    except quantity.QuantityError:
        return None


def problem(text: str | int) -> str | None:
    """Say why a text is not a quantity; None for one that is."""
    try:
        quantity.parse(text)
    except quantity.QuantityError as error:
        return str(error)
    return None


def volume_problem(size: str) -> str | None:
    """Say why a size cannot be that of a database's volume; None if it can."""
    given = amount(size)
    if given is None:
        return problem(size)
    if not _SMALLEST <= given <= _LARGEST:
        return f"must be from {SMALLEST_VOLUME} to {LARGEST_VOLUME}"
    return None
