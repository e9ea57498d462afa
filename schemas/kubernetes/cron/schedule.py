"""Cron expressions, accepted exactly where Kubernetes accepts a CronJob's `schedule`.

The dialect is robfig/cron v3 ParseStandard, and the rule of pkg/apis/batch/validation that a time zone
goes into a field of its own. Kubernetes also takes expressions that never fire; `Schedule.never_fires`
reports these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.kubernetes import duration as goduration
from schemas.kubernetes.cron import fields as cronfields
from schemas.kubernetes.cron.recurrence import Calendar, Every
from schemas.verdict import shown

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every "
_SECOND: Final = 1_000_000_000
# Go's unicode.IsSpace, which differs from str.isspace by the four separators U+001C to U+001F.
_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_FIVE = ", ".join(kind.name for kind in cronfields.KINDS)
_KNOWN = "@yearly, @monthly, @weekly, @daily, @hourly, or @every with a duration such as @every 6h30m"


class CronError(ValueError):
    """The expression is refused; the message names every mistake and says what would be right."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule."""

    text: str
    _fires: Calendar | Every
    _oddities: tuple[str, ...] = ()

    @property
    def never_fires(self) -> bool:
        """Whether no moment matches, as with 30 February."""
        return self._fires.never_fires

    @property
    def densest_interval(self) -> timedelta:
        """Least time between two moments, daylight saving aside; timedelta.max where it never fires."""
        return self._fires.densest_interval

    def why_never(self) -> str:
        """Say why it never fires. Only for a schedule that never does."""
        empty = [
            kind.name
            for kind, field in zip(cronfields.KINDS, self._fields(), strict=False)
            if not field.values
        ]
        if empty:
            return f"never fires: the {empty[0]} field holds no value"
        return "never fires: none of its months has such a day"

    def next(self, after: datetime) -> datetime | None:
        """Give the next moment behind `after`, in its time zone; None if there is none.

        Raises ValueError for a moment without a time zone.
        """
        if after.tzinfo is None:
            raise ValueError("the moment needs a time zone")
        return self._fires.next(after)

    def oddities(self) -> tuple[str, ...]:
        """Return warnings about what is legal but hardly intended."""
        return self._oddities

    def _fields(self) -> tuple[cronfields.Field, ...]:
        fires = self._fires
        if isinstance(fires, Every):
            return ()
        return fires.minute, fires.hour, fires.day, fires.month, fires.weekday


def parse(text: str) -> Schedule:
    """Read an expression; raises CronError."""
    if "TZ" in text:
        raise CronError("TZ= and CRON_TZ= are not allowed here; the time zone has a field of its own")
    if text.startswith(_EVERY):
        return _every(text)
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise CronError(_unknown_descriptor(text))
        return _calendar(text, _DESCRIPTORS[text])
    return _calendar(text, text)


def _every(text: str) -> Schedule:
    try:
        duration = goduration.parse(text.removeprefix(_EVERY))
    except goduration.DurationError as error:
        raise CronError(f"@every: {error}") from None
    if duration < _SECOND:
        return Schedule(text, Every(1), ("@every with less than a second means one second",))
    return Schedule(text, Every(duration // _SECOND))


def _calendar(text: str, expression: str) -> Schedule:
    words = [word for word in _SPACE.split(expression) if word]
    if len(words) != len(cronfields.KINDS):
        raise CronError(_wrong_count(words))
    fields: list[cronfields.Field] = []
    mistakes: list[str] = []
    oddities: list[str] = []
    for word, kind in zip(words, cronfields.KINDS, strict=True):
        label = f"{kind.name} field {shown(word)}"
        try:
            field = cronfields.parse(word, kind)
        except cronfields.FieldError as error:
            mistakes.append(f"{label}: {error}")
            continue
        fields.append(field)
        oddities.extend(f"{label}: {oddity}" for oddity in field.oddities)
    if mistakes:
        raise CronError("; ".join(mistakes))
    calendar = Calendar(*fields)
    return Schedule(text, calendar, (*oddities, *_misread(calendar)))


def _misread(calendar: Calendar) -> tuple[str, ...]:
    if calendar.day.star or calendar.weekday.star:
        return ()
    return ("fires when the day of month or the day of week matches, not only when both do",)


def _wrong_count(words: list[str]) -> str:
    if not words:
        return f"is empty; write five fields: {_FIVE}"
    fields = "1 field" if len(words) == 1 else f"{len(words)} fields"
    more = "; there is none for seconds or years" if len(words) > len(cronfields.KINDS) else ""
    return f"has {fields}; write five: {_FIVE}{more}"


def _unknown_descriptor(text: str) -> str:
    stripped = text.strip()
    if stripped.lower() in _DESCRIPTORS:
        return f"is not known; write {stripped.lower()}, in small letters and without white space around it"
    if stripped.lower().startswith("@every"):
        return "is not known; write @every, one space and a duration, such as @every 6h30m"
    return f"is not known; write five fields, {_KNOWN}"
