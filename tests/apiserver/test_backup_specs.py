"""What admission accepts of backups and restores, the API server takes too, and a CronJob as well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.admit import admit
from tests import factory

if TYPE_CHECKING:
    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("webhooks")

NOW = datetime(2026, 11, 23, tzinfo=UTC)
"""Of the rules under test here none depends on when it is, since no moment is between this one and now."""
NAMES = st.sampled_from(["s3", "a.b", "s3\n", "S3", "-a", "", "a" * 254])
KEYS = st.sampled_from(["key", "ca.crt", "A_b", "a/b", "key\n", "", ".", ".."])
MOMENTS = st.sampled_from(
    [
        *(
            "2026-11-22T08:00:00Z",
            "2026-11-22T08:00:00.123456789+01:00",
            "2026-11-22t08:00:00z",
            "2026-11-22",
        ),
        *("2026-11-22", "2026-11-22 08:00:00Z", "2026-02-30T08:00:00Z", "2016-12-31T23:59:60Z"),
        *(
            "2026-11-22T24:00:00Z",
            "2026-11-22T08:00:00Z\n",
            "2999-01-01T00:00:00Z",
            "",
            "0001-01-01T00:00:00Z",
        ),
    ]
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


ENCRYPTION = some(
    secret=st.fixed_dictionaries({"name": NAMES}, optional={"key": KEYS}),
)
S3 = st.fixed_dictionaries(
    {
        "bucket": st.sampled_from(["abc", "a.b", "a..b", "AB", "abc\n", "10.0.0.1", "ab"]),
        "endpoint": st.sampled_from(["s3", "http://10.0.0.1:9000", "[::1]:1", "s3://x", "s3/", "s3\n", ""]),
    },
    optional={
        "region": st.sampled_from(["us-east-1", "auto", "", "a b", "a\n"]),
        "path": st.sampled_from(["/", "/a/b", "a", "/a/", "/../a", "", "/a\n"]),
        "addressing": st.sampled_from(["Path", "VirtualHost", "path"]),
        "caSecret": st.fixed_dictionaries({"name": NAMES}, optional={"key": KEYS}),
        "credentials": st.fixed_dictionaries({"name": NAMES}),
    },
)
ARCHIVES = some(archive=st.sampled_from(["orders-1", "", "a/b", "A", "a\n", "a" * 101]))
VOLUME = some(
    size=st.sampled_from(["10Gi", "1e10", "1Mi", "10GB", "65Ti", "", "10Gi\n"]), storageClassName=NAMES
)
BACKUP = some(
    timeZone=st.sampled_from(["UTC", "Europe/Berlin", "Local", "", "UTC\n", "Mars/Olympus"]),
    suspended=st.sampled_from([True, False, "true"]),
    fullEvery=st.sampled_from(["7d", "36h", "1d12h", "0s", "7", "-1h", "367d", "7d\n", "", "1h" * 17]),
    retention=some(days=st.sampled_from([1, 14, 3650, 0, 3651, 1.5, "14"])),
    verify=some(schedule=st.sampled_from(["", "0 5 * * 0", "@weekly", "0 0 30 2 *", "61 * * * *", "\n"])),
    finalBackup=st.booleans(),
    repository=some(volume=VOLUME, s3=S3, encryption=ENCRYPTION),
)
SOURCE = some(
    name=NAMES,
    s3=st.tuples(S3, ARCHIVES).map(lambda parts: parts[0] | parts[1]),
    encryption=ENCRYPTION,
)
RESTORE = st.fixed_dictionaries(
    {"from": SOURCE},
    optional={
        "targetTime": MOMENTS,
        "targetLSN": st.sampled_from(["0/3000060", "FFFFFFFF/0", "0/3000060\n", "16", "", "0/123456789"]),
        "targetName": st.sampled_from(["before release", "", "a" * 64]),
    },
)


@settings(max_examples=200)
@given(backup=BACKUP, restore=st.none() | RESTORE)
def test_admission_and_the_api_server_name_the_same_fields(
    rest: Rest, shared_namespace: str, backup: dict[str, Any], restore: dict[str, Any] | None
) -> None:
    spec = {"backup": backup} | ({"restore": restore} if restore is not None else {})
    judged = factory.complete_database("fresh", shared_namespace, **spec)
    verdict = admit(judged, policy=factory.policy(), now=NOW)
    answer = rest.create(factory.database("fresh", shared_namespace, **spec), dryRun="All")
    assert answer.accepted == verdict.accepted, (answer, verdict)
    if answer.accepted:
        made = answer.body["spec"]["backup"]
        job = _cron_job(shared_namespace, made["verify"]["schedule"] or "0 0 * * *", made["timeZone"])
        assert rest.create(job, dryRun="All").accepted, job


PARTS: tuple[tuple[str, st.SearchStrategy[Any]], ...] = (
    ("backup", BACKUP),
    ("volume", VOLUME.map(lambda volume: {"repository": {"volume": volume}})),
    ("s3", S3.map(lambda s3: {"repository": {"s3": s3}})),
    ("encryption", ENCRYPTION.map(lambda encryption: {"repository": {"encryption": encryption}})),
)


@pytest.mark.parametrize(("name", "strategy"), PARTS, ids=lambda part: part if isinstance(part, str) else "")
@settings(max_examples=60)
@given(data=st.data())
def test_each_part_by_itself_is_judged_alike(
    rest: Rest, shared_namespace: str, data: st.DataObject, name: str, strategy: st.SearchStrategy[Any]
) -> None:
    """One mistake alone hides no other's judge; together most specs have several."""
    del name
    backup = data.draw(strategy)
    judged = factory.complete_database("fresh", shared_namespace, backup=backup)
    verdict = admit(judged, policy=factory.policy(), now=NOW)
    answer = rest.create(factory.database("fresh", shared_namespace, backup=backup), dryRun="All")
    assert answer.accepted == verdict.accepted, (answer, verdict)


def _cron_job(namespace: str, schedule: str, zone: str) -> dict[str, Any]:
    container = {"name": "backup", "image": "none.example/none"}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "fresh-verify", "namespace": namespace},
        "spec": {"schedule": schedule, "timeZone": zone, "jobTemplate": {"spec": {"template": pod}}},
    }
