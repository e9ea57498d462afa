"""Reads values of spec.parameters for rules that compare several of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.sizing import MEBIBYTE

if TYPE_CHECKING:
    from schemas.types import Spec

BLOCK = 8192
"""Bytes that a bare number of shared_buffers counts in."""

_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_MEMORY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?)[ \t]*(B|kB|MB|GB|TB)?", re.ASCII)
_UNITS = {"B": 1, "kB": 1024, "MB": MEBIBYTE, "GB": 1024**3, "TB": 1024**4}
"""PostgreSQL's units are powers of 1024 (documentation, Setting Parameters)."""


def setting(spec: Spec, name: str) -> tuple[str, str] | None:
    """Return a parameter's name as spelled, and its value: PostgreSQL ignores the case of names."""
    found = spec.parameters.get(name)
    if found is not None:
        return name, found
    return next(((given, value) for given, value in spec.parameters.items() if given.lower() == name), None)


def whole(value: str) -> int | None:
    """Read a number; None for anything else, which the parameter's own rule reports."""
    text = value.strip()
    return int(text) if _WHOLE.fullmatch(text) else None


def memory(value: str, bare: int) -> int | None:
    """Read an amount of memory in bytes; a number without a unit counts so many bytes each."""
    match = _MEMORY.fullmatch(value.strip())
    return int(float(match[1]) * _UNITS.get(match[2], bare)) if match else None
