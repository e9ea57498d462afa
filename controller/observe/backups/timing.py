"""When a backup has been missed: two periods of the schedule after the last one, both without a good one."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

from controller.protocol.member import moment
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.cron import schedule as cron

_PERIODS = 2


def overdue_from(db: PostgreSQLDatabase, last: str) -> datetime | None:
    """Return the moment from which the next backup is overdue, `last` being when the newest ended (RFC 3339).

    None when that is not known, or when the schedule has no such moment.
    """
    when = moment(last)
    text = db.spec.backup_schedule
    if when is None or not isinstance(text, str) or not text:
        return None
    try:
        schedule = cron.parse(text)
        when = when.astimezone(zoneinfo.ZoneInfo(db.spec.backup.time_zone))
    except (cron.CronError, zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None  # Refused by admission, so this is none that a CronJob has.
    for _ in range(_PERIODS):
        following = schedule.next(when)
        if following is None:
            return None
        when = following
    return when.astimezone(UTC)
