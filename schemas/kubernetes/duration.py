"""Durations as Go's time.ParseDuration reads them: `1h30m`, `-1.5h`, `500ms`."""

from __future__ import annotations

import re
from typing import Final

from schemas.verdict import shown

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu: Go knows both
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)", re.ASCII)
_DAYS = re.compile(r"([0-9]{1,5})d", re.ASCII)
_DAY: Final = 24 * 3600
_MOST = 1 << 63
_GOS: Final = "ns, us, ms, s, m or h"
_WITH_DAYS: Final = "ns, us, ms, s, m, h or d"
_EXAMPLE = "write a number with its unit, such as 6h30m"


class DurationError(ValueError):
    """The text is no duration; the message says what would be right."""


def parse(text: str, units: str = _GOS) -> int:
    """Give a duration in nanoseconds, negative ones included; raises DurationError.

    `units`: those that are named to whoever wrote another one.
    """
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if not rest:
        raise DurationError(f"a duration is missing; {_EXAMPLE}")
    total = 0 if rest == "0" else _sum(rest, units)
    if total > _MOST - (not negative):
        raise DurationError("is longer than 292 years, the most that Go counts to")
    return -total if negative else total


def seconds(text: str) -> int:
    """Give a duration in whole seconds; days, which Go does not know, may come first: `7d`, `1d12h`.

    Raises DurationError, for negative ones too.
    """
    match = _DAYS.match(text)
    rest = text[match.end() :] if match else text
    found = parse(rest, _WITH_DAYS) if rest or not match else 0
    if found < 0 or (match and rest[:1] in {"+", "-"}):
        raise DurationError("must not be negative")
    return found // _UNITS["s"] + (int(match[1]) * _DAY if match else 0)


def _sum(text: str, units: str) -> int:
    total = place = 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None or not (match[1] or match[2]):
            raise DurationError(f"{shown(text)} is no duration; {_EXAMPLE}")
        # Go adds in 64 bits without a sign, and so takes two terms of exactly 2^63 ns for nothing.
        total = (total + _term(units, *match.groups())) % (1 << 64)
        if total > _MOST:
            raise DurationError("is longer than 292 years, the most that Go counts to")
        place = match.end()
    return total


def _term(units: str, whole: str, fraction: str | None, unit: str) -> int:
    if unit not in _UNITS:
        raise DurationError(_wrong_unit(whole, unit, units))
    whole = whole.lstrip("0") or "0"
    size = _UNITS[unit]
    if len(whole) > len(str(_MOST)) or int(whole) > _MOST // size:
        raise DurationError("is longer than 292 years, the most that Go counts to")
    value = int(whole) * size + _fraction(fraction or "", size)
    if value > _MOST:
        raise DurationError("is longer than 292 years, the most that Go counts to")
    return value


def _fraction(digits: str, size: int) -> int:
    """Read the digits behind the point, as many as fit into 63 bits, in Go's floating point."""
    number, scale = 0, 1.0
    for digit in digits:
        if number > (_MOST - 1) // 10 or number * 10 + int(digit) > _MOST:
            break
        number, scale = number * 10 + int(digit), scale * 10
    return int(number * (size / scale)) if number else 0


def _wrong_unit(number: str, unit: str, units: str) -> str:
    if not unit:
        return f"a unit is missing behind {shown(number)}; use {units}"
    if unit.strip() != unit:
        return "white space is not allowed in a duration"
    if unit == "d" and units == _WITH_DAYS:
        return "days come first, as a whole number up to 99999, such as 1d12h"
    hours = {"d": 24, "w": 168}.get(unit)
    if hours and number.isdigit() and len(number) <= len("1000"):
        return f"unit {shown(unit)} is not known; write {int(number) * hours}h"
    return f"unit {shown(unit)} is not known; use {units}"
