"""When a schedule fires: by the calendar, or every so many seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from schemas.kubernetes.cron import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.kubernetes.cron.fields import Field

LONGEST_MONTHS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY: Final = 24 * 60
"""Minutes."""
_CYCLE: Final = 28
"""Years after which dates fall on the same weekdays, as long as no century is in between. Every date but
29 February falls on each weekday within any 28 years."""


@dataclass(frozen=True, slots=True)
class Every:
    """Fires so many whole seconds after the last time, whenever that was."""

    seconds: int
    never_fires: bool = False

    def next(self, after: datetime) -> datetime | None:
        """Give the next moment; None where it is behind the last year that a datetime can hold."""
        try:
            later = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=self.seconds)
            return later.astimezone(after.tzinfo)
        except OverflowError:
            return None

    @property
    def densest_interval(self) -> timedelta:
        """Time from one moment to the next."""
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Calendar:
    """Fires at each minute whose date and time match the five fields."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    @cached_property
    def never_fires(self) -> bool:
        """Whether no minute of any year matches.

        Every date but 29 February falls on each day of the week, and in the 400 years after which the
        calendar repeats itself so does 29 February; so the two day fields can be judged one by one.
        """
        if not (self.minute.values and self.hour.values and self.month.values):
            return True
        longest = max(LONGEST_MONTHS[month] for month in self.month.values)
        by_day = any(day <= longest for day in self.day.values)
        by_weekday = bool(self.weekday.values)
        return not (by_day and by_weekday if self._needs_both else by_day or by_weekday)

    @cached_property
    def densest_interval(self) -> timedelta:
        """Least time between two moments, daylight saving aside; timedelta.max where it never fires."""
        if self.never_fires:
            return timedelta.max
        minutes = self.minute.values
        if len(minutes) > 1 and 1 in {b - a for a, b in pairwise(minutes)}:
            return timedelta(minutes=1)
        times = [hour * 60 + minute for hour in self.hour.values for minute in minutes]
        across = self._nearest_days() * _DAY - times[-1] + times[0]
        return timedelta(minutes=min([across, *(b - a for a, b in pairwise(times))]))

    def next(self, after: datetime) -> datetime | None:
        """Give the next moment, read in the time zone of `after`; None where it never fires.

        As CronJob does where daylight saving begins and ends: see `search`.
        """
        if self.never_fires:
            return None
        try:
            return search.first(self, after)
        except (OverflowError, ValueError):
            return None  # Behind the last year that a datetime can hold.

    def on(self, day: date) -> bool:
        """Whether the fields about days match, the month aside."""
        by_day = day.day in self.day.values
        by_weekday = day.isoweekday() % 7 in self.weekday.values
        return by_day and by_weekday if self._needs_both else by_day or by_weekday

    @property
    def _needs_both(self) -> bool:
        return self.day.star or self.weekday.star

    def _days(self, start: date, years: int) -> Iterator[date]:
        day = start
        last = min(start.year + years, date.max.year)
        while day.year <= last:
            wanted = day.month in self.month.values
            if wanted and self.on(day):
                yield day
            step = 1 if wanted else 32 - day.day
            if (date.max - day).days < step:
                return
            day += timedelta(days=step)
            if not wanted:
                day = day.replace(day=1)

    def _nearest_days(self) -> int:
        """Fewest days from one matching day to the next."""
        every_month = len(self.month.values) == len(LONGEST_MONTHS) - 1
        if every_month and self.day.star:
            weekdays = self.weekday.values
            return min([weekdays[0] + 7 - weekdays[-1], *(b - a for a, b in pairwise(weekdays))])
        # 2000 is a leap year; the cycle's end is repeated, so that 29 February meets its like.
        days = self._days(date(2000, 1, 1), _CYCLE)
        nearest = (date(2028, 12, 31) - date(2000, 1, 1)).days
        for earlier, later in pairwise(days):
            nearest = min(nearest, (later - earlier).days)
            if nearest == 1:
                break
        return nearest
