"""When schedules fire, as Kubernetes' own controller said when it was asked (tests/cron_times.py)."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from controller.observe.backups.runs import overdue_from
from schemas.kubernetes.cron import schedule as cron
from tests import factory
from tests.cron_times import Case, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONES = sorted({case.zone for case in recorded()})


def fires(case: Case) -> Iterator[datetime]:
    schedule, after = cron.parse(case.schedule), case.created.astimezone(ZoneInfo(case.zone))
    while (following := schedule.next(after)) is not None:
        yield following.astimezone(UTC)
        after = following


@pytest.mark.parametrize("zone", ZONES)
def test_a_schedule_fires_when_kubernetes_creates_a_job(zone: str) -> None:
    cases = [case for case in recorded() if case.zone == zone]
    ours = [case._replace(jobs=tuple(islice(fires(case), len(case.jobs)))) for case in cases]
    assert ours == cases


@pytest.mark.parametrize("zone", ZONES)
def test_a_backup_is_overdue_when_kubernetes_creates_the_second_job_after_it(zone: str) -> None:
    for case in recorded():
        if case.zone == zone:
            spec = {"backupSchedule": case.schedule, "backup": {"timeZone": zone}}
            last = case.created.strftime("%Y-%m-%dT%H:%M:%SZ")
            assert overdue_from(factory.typed_database(**spec), last) == case.jobs[1], case


def test_the_table_has_what_is_odd() -> None:
    """A table of plain cases would show nothing: a day is missed, an hour comes twice."""
    lord_howe, berlin = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Europe/Berlin")
    table = {(case.zone, case.schedule, f"{case.created:%Y-%m-%d}"): case.jobs for case in recorded()}
    missed = table[lord_howe.key, "0 12 * * *", "2025-04-04"]
    assert [job.astimezone(lord_howe).day for job in missed] == [5, 7, 8, 9]
    twice = table[berlin.key, "30 2 * * *", "2025-10-24"]
    assert [job.astimezone(berlin).day for job in twice] == [25, 26, 26, 27]


def test_a_day_that_a_zone_leaves_out_ends_no_search() -> None:
    after = datetime(2011, 12, 29, 12, tzinfo=UTC)
    following = cron.parse("@weekly").next(after.astimezone(ZoneInfo("Pacific/Apia")))
    assert following is not None
    assert following > after
