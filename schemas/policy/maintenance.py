"""When databases get a new image of their version: the policy's `minorUpgrades`.

A window opens on some days of the week at a local time, and stays open for a fixed duration, even if
daylight saving starts or ends meanwhile.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import UNSET, Meta, UnsetType

from schemas.api.fields import Section
from schemas.kubernetes import duration as goduration
from schemas.kubernetes import timezones
from schemas.verdict import Violation, got

if TYPE_CHECKING:
    from collections.abc import Iterator

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAYS: tuple[Day, ...] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_SHORTEST, _LONGEST = timedelta(minutes=15), timedelta(hours=24)
_NANOSECONDS = 1000


class Window(Section, frozen=True, kw_only=True):
    """Hours of the week in which databases may be restarted for an upgrade."""

    start: Annotated[
        str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", title='a time in quotes, such as "02:00"')
    ]
    duration: Annotated[str, Meta(max_length=32, title="a duration, such as 4h or 1h30m")]
    days: Annotated[
        tuple[Annotated[Day, Meta(title="Mon, Tue, Wed, Thu, Fri, Sat or Sun")], ...], Meta(min_length=1)
    ] = DAYS
    time_zone: str = "UTC"


class MinorUpgrades(Section, frozen=True, kw_only=True):
    """When a running database gets the image that the catalogue now has for its version."""

    when: Literal["immediately", "window"] = "immediately"
    at_once: Annotated[int, Meta(ge=1, le=1000)] = 1
    """How many databases may be upgraded at the same time."""
    window: Window | UnsetType = UNSET


def window_problems(upgrades: MinorUpgrades) -> Iterator[Violation]:
    """Name what the types cannot say of a window."""
    path, window = "minorUpgrades.window", upgrades.window
    if window is UNSET:
        if upgrades.when == "window":
            yield Violation(path, "got nothing; must have start and duration, since when is window")
        return
    zone = timezones.problem(window.time_zone)
    if zone is not None:
        yield got(f"{path}.timeZone", window.time_zone, zone)
    problem = _duration_problem(window.duration)
    if problem is not None:
        yield got(f"{path}.duration", window.duration, problem)


def _duration_problem(text: str) -> str | None:
    try:
        length = _length(text)
    except goduration.DurationError as error:
        return str(error)
    if not _SHORTEST <= length <= _LONGEST:
        return "must be from 15m to 24h"
    return None


def _length(text: str) -> timedelta:
    return timedelta(microseconds=goduration.parse(text) // _NANOSECONDS)


def opening(upgrades: MinorUpgrades, now: datetime) -> datetime:
    """Return when databases may be moved: `now` itself if they may be, else the next opening, in UTC.

    `now` has a time zone. A start that the clocks jump over is as late after midnight as it would have
    been, and one that they show twice is the first of the two.
    """
    window = upgrades.window
    if upgrades.when == "immediately" or window is UNSET:
        return now
    length = _length(window.duration)
    return max(now, next(start for start in _starts(window, now) if start + length > now))


def _starts(window: Window, now: datetime) -> Iterator[datetime]:
    """Give the window's openings in UTC, from the day before yesterday to more than a week from now."""
    zone = ZoneInfo(window.time_zone)
    start = time.fromisoformat(window.start)
    today = now.astimezone(zone).date()
    for offset in range(-2, 9):
        day: date = today + timedelta(days=offset)
        if DAYS[day.weekday()] in window.days:
            yield datetime.combine(day, start, zone).astimezone(UTC)
