"""When the fields of a calendar match next, found step by step as robfig/cron v3 does (spec.go, Next).

CronJob's controller takes what that finds, so this does the same where clocks change, even where nobody would
expect it: an hour that comes twice fires twice, one that is skipped does not fire; where midnight is skipped,
or a change is not of whole hours, a day may be missed. `tests/cron_times.py` asks the controller itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from datetime import tzinfo

    from schemas.kubernetes.cron.fields import Field

_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_NOON: Final = 12


class Fields(Protocol):
    """What is to match."""

    @property
    def minute(self) -> Field:
        """Of the hour."""

    @property
    def hour(self) -> Field:
        """Of the day."""

    @property
    def month(self) -> Field:
        """Of the year."""

    def on(self, day: date) -> bool:
        """Whether the day matches."""


def first(fields: Fields, after: datetime) -> datetime:
    """Return the first match behind a moment, in its time zone. There must be one.

    Raises OverflowError or ValueError where it is behind the last year that a datetime can hold.
    """
    walk = _Walk(after.astimezone(UTC).replace(microsecond=0) + _SECOND, after.tzinfo or UTC)
    steps = (_to_month, _to_day, _to_hour, _to_minute, _to_second)
    # A step that comes to the end of what is around it has all before it look again.
    while not all(step(fields, walk) for step in steps):
        pass
    return walk.local


@dataclass
class _Walk:
    """Where the search is: a moment in UTC, and the zone in which its fields are read."""

    moment: datetime
    zone: tzinfo
    begun: bool = False
    """Whether it has moved: smaller fields than the one that moves are at their beginnings from then on."""

    @property
    def local(self) -> datetime:
        return self.moment.astimezone(self.zone)

    def begin(self, **fields: int) -> None:
        """Before the first move only: set smaller fields to their beginnings."""
        if not self.begun:
            self.begun = True
            self.set(self.local.replace(tzinfo=None, fold=0, **fields))

    def set(self, local: datetime) -> None:
        """Go to a local time, as Go's time.Date takes one that there is not, or twice.

        It takes the offset that holds when what it first takes for the moment is in UTC.
        """
        guess = local - self._offset(local)
        self.moment = (local - self._offset(guess)).replace(tzinfo=UTC)

    def _offset(self, moment: datetime) -> timedelta:
        return moment.replace(tzinfo=UTC).astimezone(self.zone).utcoffset() or timedelta()


def _to_month(fields: Fields, walk: _Walk) -> bool:
    while walk.local.month not in fields.month.values:
        walk.begin(day=1, hour=0, minute=0, second=0)
        local = walk.local.replace(tzinfo=None, fold=0)
        following = local.month % 12 + 1
        walk.set(local.replace(year=local.year + (following == 1), month=following, day=1))
        if walk.local.month == 1:
            return False
    return True


def _to_day(fields: Fields, walk: _Walk) -> bool:
    while not fields.on(walk.local.date()):
        walk.begin(hour=0, minute=0, second=0)
        before = walk.moment
        walk.set(walk.local.replace(tzinfo=None, fold=0) + timedelta(days=1))
        hour = walk.local.hour
        if hour > _NOON:
            walk.moment += (24 - hour) * _HOUR
        else:
            walk.moment -= hour * _HOUR
        if walk.moment <= before:
            # A zone leaves a whole day out, as Samoa did. There robfig/cron searches for ever.
            walk.moment = before + timedelta(days=1)
        if walk.local.day == 1:
            return False
    return True


def _to_hour(fields: Fields, walk: _Walk) -> bool:
    while walk.local.hour not in fields.hour.values:
        walk.begin(minute=0, second=0)
        walk.moment += _HOUR
        if walk.local.hour == 0:
            return False
    return True


def _to_minute(fields: Fields, walk: _Walk) -> bool:
    while walk.local.minute not in fields.minute.values:
        if not walk.begun:
            walk.begun = True
            walk.moment = walk.moment.replace(second=0)
        walk.moment += _MINUTE
        if walk.local.minute == 0:
            return False
    return True


def _to_second(_: Fields, walk: _Walk) -> bool:
    """Go to the next whole minute: there is no field for seconds."""
    if walk.local.second == 0:
        return True
    walk.begun = True
    walk.moment += timedelta(seconds=60 - walk.local.second)
    return False
