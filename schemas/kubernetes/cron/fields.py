"""One of the five fields of a cron expression, as robfig/cron v3 reads it (its getField and getRange)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.verdict import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_LARGEST = (1 << 63) - 1
_STARS = {"*", "?"}


class FieldError(ValueError):
    """A field is wrong; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field counts and its bounds."""

    name: str
    minimum: int
    maximum: int
    names: Mapping[str, int]
    holds_days: bool = False

    @property
    def examples(self) -> str:
        """What a value can be, for people."""
        numbers = f"a number from {self.minimum} to {self.maximum}"
        if not self.names:
            return numbers
        first, *_, last = self.names
        return f"{numbers} or a name from {first.upper()} to {last.upper()}"


_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_WEEKDAYS = "sun mon tue wed thu fri sat"

KINDS: Final = (
    Kind("minute", 0, 59, {}),
    Kind("hour", 0, 23, {}),
    Kind("day of month", 1, 31, {}, holds_days=True),
    Kind("month", 1, 12, {name: number for number, name in enumerate(_MONTHS.split(), start=1)}),
    Kind(
        "day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAYS.split())}, holds_days=True
    ),
)


@dataclass(frozen=True, slots=True)
class Field:
    """The values at which a field fires, rising, and whether it counts as unrestricted."""

    values: tuple[int, ...]
    star: bool
    oddities: tuple[str, ...] = ()


def parse(text: str, kind: Kind) -> Field:
    """Read one field; raises FieldError."""
    items = text.split(",")
    values: set[int] = set()
    star = False
    oddities = []
    if "" in items:
        oddities.append("an empty list item is ignored")
    for item in filter(None, items):
        low, high, step, is_star = _item(item, kind)
        values.update(range(low, high + 1, step))
        star = star or is_star
        oddities.extend(_oddities(item, kind, high - low, step))
    return Field(tuple(sorted(values)), star, tuple(dict.fromkeys(oddities)))


def _item(item: str, kind: Kind) -> tuple[int, int, int, bool]:
    """Read a value or range with its step: lowest, highest, step, and whether it is an unrestricted star."""
    bounds, *steps = item.split("/")
    low_text, *high_text = bounds.split("-")
    starred = low_text in _STARS
    if starred:
        low, high = kind.minimum, kind.maximum
    else:
        low, high = _range(item, low_text, high_text, kind)
    if len(steps) > 1:
        raise FieldError(f"{shown(item)} contains more than one slash")
    step = _step(steps[0]) if steps else 1
    if steps and not high_text:
        high = kind.maximum
    _check(low, high, kind)
    return low, high, step, starred and step == 1


def _range(item: str, low_text: str, high_text: list[str], kind: Kind) -> tuple[int, int]:
    if len(high_text) > 1:
        raise FieldError(f"{shown(item)} contains more than one hyphen")
    if high_text and not (low_text and high_text[0]):
        raise FieldError(
            f"a number is missing {'after' if low_text else 'before'} the hyphen of {shown(item)}"
        )
    low = _value(low_text, kind)
    return low, _value(high_text[0], kind) if high_text else low


def _check(low: int, high: int, kind: Kind) -> None:
    if low < kind.minimum:
        raise FieldError(f"{low} is below {kind.minimum}")
    if high > kind.maximum:
        sunday = "; Sunday is 0" if kind.name == "day of week" else ""
        raise FieldError(f"{high} is above {kind.maximum}{sunday}")
    if low > high:
        parts = f"{_span(low, kind.maximum)},{_span(kind.minimum, high)}"
        raise FieldError(f"range {low}-{high} runs backwards; write {parts}")


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _value(text: str, kind: Kind) -> int:
    # Go lowers the dotted capital I to a plain i, Python to an i and a combining dot.
    named = kind.names.get(text.replace("İ", "i").lower())
    if named is not None:
        return named
    number = _integer(text)
    if number is None:
        raise FieldError(_no_value(text, kind))
    return number


def _step(text: str) -> int:
    number = _integer(text)
    if number is None:
        raise FieldError(f"step {shown(text)} is not a whole number")
    if number < 1:
        raise FieldError(f"step {number} is below 1")
    return number


def _integer(text: str) -> int | None:
    """Read a number as Go's strconv.Atoi does, None where it does not."""
    if not _NUMBER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > len(str(_LARGEST)) or int(digits) > _LARGEST:
        return None
    return -int(digits) if text.startswith("-") else int(digits)


def _no_value(text: str, kind: Kind) -> str:
    if not text:
        return f"a value is missing; write {kind.examples}"
    short = text[:3].lower()
    if text.isalpha() and short in kind.names:
        return f"{shown(text)} is not known; names have three letters: {short.upper()}"
    if re.fullmatch(r"[0-9a-zA-Z]*[LWHR#~][0-9a-zA-Z]*", text):
        return f"{shown(text)} is not known; CronJob has no L, W, H, R, # or ~; write {kind.examples}"
    return f"{shown(text)} is not known; write {kind.examples}"


def _oddities(item: str, kind: Kind, width: int, step: int) -> list[str]:
    bounds = item.partition("/")[0]
    found = []
    if bounds[0] in _STARS and len(bounds) > 1:
        found.append(f'{shown(bounds[1:])} behind the "{bounds[0]}" is ignored')
    if bounds[0] == "?" and not kind.holds_days:
        found.append('"?" means "*"')
    if step > max(width, 1):
        found.append(f"step {step} is wider than its range, only the first value counts")
    return found
