"""Schedules and their time zone: what Kubernetes' CronJob accepts, except schedules that never fire."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.kubernetes import timezones
from schemas.kubernetes.cron import schedule as cron
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.types import Spec
    from schemas.rules.review import Review

PATH = "spec.backupSchedule"
VERIFY = "spec.backup.verify.schedule"
ZONE = "spec.backup.timeZone"
DENSEST = timedelta(hours=1)
"""Backups, and verifications, closer together than this get a warning."""
_NONE = {PATH: "no backups", VERIFY: "never"}
"""What an empty schedule means."""
_DENSE = {
    PATH: "archived WAL covers every second between backups",
    VERIFY: "each restores and reads the whole database",
}

# Mutation, validation and warnings parse the same text within milliseconds.
_parsed = lru_cache(maxsize=256)(cron.parse)
_zone_problem = lru_cache(maxsize=256)(timezones.problem)


def violations(review: Review) -> Iterator[Violation]:
    """Refuse schedules and time zones that CronJob would refuse, and dates that never come."""
    for path, text in _fresh(review):
        yield from _violations(path, text)
    zone = review.spec.backup.time_zone
    if review.before is None or review.before.backup.time_zone != zone:
        problem = _zone_problem(zone)
        if problem is not None:
            yield got(ZONE, zone, problem)


def _violations(path: str, text: str) -> Iterator[Violation]:
    try:
        schedule = _parsed(text)
    except cron.CronError as error:
        yield got(path, text, str(error))
        return
    if schedule.never_fires:
        yield got(path, text, f'{schedule.why_never()}; "" means {_NONE[path]}')


def warnings(review: Review) -> Iterator[str]:
    """Warn of no backups, of odd but legal items, and of schedules so dense that backups would overlap."""
    for path, text in _fresh(review):
        schedule = _parsed(text)
        for oddity in schedule.oddities():
            yield warning(f"{path}: {oddity}")
        if schedule.densest_interval < DENSEST:
            yield f"{path}: less than an hour apart; {_DENSE[path]}"
    if review.spec.backup_schedule == "" and review.changed("backup_schedule"):
        yield f'{PATH}: "" means no backups and no archived WAL: lost data stays lost'


def _fresh(review: Review) -> Iterator[tuple[str, str]]:
    """Give the schedules that are new or differ, with their paths; not those that mean never."""
    if not review.changed("backup_schedule", "backup"):
        return
    stored = _schedules(review.before) if review.before is not None else {}
    for path, text in _schedules(review.spec).items():
        if text and stored.get(path) != text:
            yield path, text


def _schedules(spec: Spec) -> dict[str, str]:
    return {PATH: spec.backup_schedule or "", VERIFY: spec.backup.verify.schedule or ""}
