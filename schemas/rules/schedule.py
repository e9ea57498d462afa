"""spec.backupSchedule: what Kubernetes' CronJob accepts, except schedules that never fire."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from schemas import cron
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review

PATH = "spec.backupSchedule"
DENSEST = timedelta(hours=1)
"""Full backups closer together than this get a warning."""

# Mutation, validation and warnings parse the same text within milliseconds.
_parsed = lru_cache(maxsize=256)(cron.parse)


def violations(review: Review) -> Iterator[Violation]:
    """Refuse schedules that CronJob would refuse, and dates that never come."""
    text = review.spec.backup_schedule
    if not text or not review.changed("backup_schedule"):
        return
    try:
        schedule = _parsed(text)
    except cron.CronError as error:
        yield got(PATH, text, str(error))
        return
    if schedule.never_fires:
        yield got(PATH, text, f'{schedule.why_never()}; "" means no backups')


def warnings(review: Review) -> Iterator[str]:
    """Warn of odd but legal items, and of schedules so dense that backups would overlap."""
    text = review.spec.backup_schedule
    if not text or not review.changed("backup_schedule"):
        return
    schedule = _parsed(text)
    for oddity in schedule.oddities():
        yield warning(f"{PATH}: {oddity}")
    if schedule.densest_interval < DENSEST:
        yield f"{PATH}: full backups are less than an hour apart; archived WAL covers the time between"
