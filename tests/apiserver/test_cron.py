"""A schedule is accepted exactly where a real CronJob takes it, less those that can never fire."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kubernetes import timezones
from schemas.kubernetes.cron import schedule as cron
from tests import factory
from tests.strategies import expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.rest import Rest

CASES = Path(__file__).parents[1] / "unit" / "data" / "cron_cases.tsv"
AT_ONCE = 8
BATCH = 25

Oracle = "Callable[[Iterable[str]], list[bool]]"


def cases() -> list[tuple[str, bool]]:
    found = []
    for line in CASES.read_text().splitlines():
        text, verdict, _ = line.split("\t")
        plain = text.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\0", "\\")
        found.append((plain, verdict == "valid"))
    return found


def cron_job(namespace: str, schedule: str) -> dict[str, Any]:
    container = {"name": "backup", "image": "none.example/none"}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "orders-backup", "namespace": namespace},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": pod}}},
    }


@pytest.fixture(scope="module")
def accepted(rest: Rest, shared_namespace: str) -> Iterator[Callable[[Iterable[str]], list[bool]]]:
    """Give the oracle: whether the API server takes a CronJob with each of these schedules."""
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def one(text: str) -> bool:
            answer = rest.create(cron_job(shared_namespace, text), dryRun="All")
            assert answer.accepted or answer.causes.keys() <= {"spec.schedule"}, answer
            return answer.accepted

        yield lambda texts: list(pool.map(one, texts))


def parsed(text: str) -> bool:
    try:
        cron.parse(text)
    except cron.CronError:
        return False
    return True


@settings(max_examples=16)
@given(texts=st.lists(expressions(), min_size=BATCH, max_size=BATCH))
def test_the_parser_takes_what_a_cron_job_takes(
    accepted: Callable[[Iterable[str]], list[bool]], texts: list[str]
) -> None:
    assert dict(zip(texts, accepted(texts), strict=True)) == {text: parsed(text) for text in texts}


def test_every_case_that_was_ever_seen_is_judged_as_the_api_server_judges_it(
    accepted: Callable[[Iterable[str]], list[bool]],
) -> None:
    texts = [text for text, _ in cases()]
    live = dict(zip(texts, accepted(texts), strict=True))
    assert live == dict(cases())
    assert live == {text: parsed(text) for text in texts}


@pytest.mark.usefixtures("webhooks")
def test_a_database_takes_every_schedule_that_a_cron_job_takes_and_that_fires(
    rest: Rest, shared_namespace: str
) -> None:
    for text, valid in cases():
        if not text:
            continue  # "" is no schedule at all: no backups
        fires = valid and not cron.parse(text).never_fires
        for spec in ({"backupSchedule": text}, {"backup": {"verify": {"schedule": text}}}):
            answer = rest.create(factory.database("orders", shared_namespace, **spec), dryRun="All")
            assert answer.accepted == fires, (spec, answer)


ZONES = (
    *("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT", "Etc/UTC", "GMT"),
    *(
        "",
        "Local",
        "local",
        "localtime",
        "Mars/Olympus",
        "europe/berlin",
        "Europe",
        "Europe/",
        "/UTC",
        " UTC",
    ),
    *("../UTC", "Europe/../UTC", "UTC\n", "zone.tab", "UTC+1", "CET-1CEST", "right/UTC", "-5"),
)


@pytest.mark.usefixtures("webhooks")
def test_a_database_takes_no_time_zone_that_a_cron_job_does_not_take(
    rest: Rest, shared_namespace: str
) -> None:
    taken = set()
    for zone in ZONES:
        job = cron_job(shared_namespace, "0 0 * * *")
        job["spec"]["timeZone"] = zone
        given_ = factory.database("orders", shared_namespace, backup={"timeZone": zone})
        if rest.create(given_, dryRun="All").accepted:
            taken.add(zone)
            assert rest.create(job, dryRun="All").accepted, zone
    assert taken == set(ZONES[:7])


def test_a_cron_job_takes_every_time_zone_that_a_database_takes(rest: Rest, shared_namespace: str) -> None:
    zones = sorted(zone for zone in available_timezones() if timezones.problem(zone) is None)
    assert len(zones) > 400

    def refused(zone: str) -> bool:
        job = cron_job(shared_namespace, "30 2 * * *")
        job["spec"]["timeZone"] = zone
        return not rest.create(job, dryRun="All").accepted

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert [zone for zone, no in zip(zones, pool.map(refused, zones), strict=True) if no] == []
