"""spec.backup: what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backups import S3, changed, s3, volume
from tests.verdicts import refused


def test_every_field_of_backups_at_once_is_accepted() -> None:
    backup = {
        "timeZone": "Europe/Berlin",
        "suspended": True,
        "fullEvery": "1d12h",
        "retention": {"days": 30},
        "verify": {"schedule": "0 5 * * 0"},
        "finalBackup": True,
        "repository": {
            "s3": {
                **S3,
                "region": "eu-central-1",
                "path": "/shop/orders",
                "addressing": "VirtualHost",
                "caSecret": {"name": "ca"},
                "credentials": {"name": "s3"},
            },
            "encryption": {"secret": {"name": "key", "key": "passphrase"}},
        },
    }
    assert refused(backup=backup) == []


@pytest.mark.parametrize(
    ("backup", "message"),
    [
        ({"timeZone": "Mars/Olympus"}, 'timeZone: got "Mars/Olympus"; is not in the time zone database; '),
        (
            {"timeZone": "europe/berlin"},
            'timeZone: got "europe/berlin"; is not in the time zone database; did',
        ),
        ({"timeZone": "Local"}, 'timeZone: got "Local"; differs from machine to machine; '),
        ({"timeZone": ""}, 'timeZone: got ""; must not be empty; '),
        ({"fullEvery": "7"}, 'fullEvery: got "7"; a unit is missing behind "7"; '),
        ({"fullEvery": "7w"}, 'fullEvery: got "7w"; unit "w" is not known; '),
        ({"fullEvery": ""}, 'fullEvery: got ""; a duration is missing; '),
        ({"fullEvery": "-1h"}, 'fullEvery: got "-1h"; must not be negative'),
        ({"fullEvery": "367d"}, 'fullEvery: got "367d"; must be at most 366d'),
        ({"retention": {"days": 0}}, "retention.days: got 0; must be from 1 to 3650"),
        ({"retention": {"full": 7}, "fullEvery": "x"}, 'fullEvery: got "x"; '),
        (
            {"verify": {"schedule": "61 2 * * *"}},
            'verify.schedule: got "61 2 * * *"; minute field "61": 61 is',
        ),
        ({"verify": {"schedule": "0 0 30 2 *"}}, 'verify.schedule: got "0 0 30 2 *"; never fires: '),
        ({"repository": {"volume": {"size": "10GB"}}}, 'repository.volume.size: got "10GB"; suffix "GB"'),
        (
            {"repository": {"volume": {"size": "1Mi"}}},
            'repository.volume.size: got "1Mi"; must be from 256Mi',
        ),
        (s3(bucket="Backups"), 'repository.s3.bucket: got "Backups"; must be 3 to 63 of a-z'),
        (s3(endpoint="s3://x"), 'repository.s3.endpoint: got "s3://x"; has an unknown scheme; '),
        (s3(region="us east"), 'repository.s3.region: got "us east"; must be a region\'s name'),
        (s3(path="orders"), 'repository.s3.path: got "orders"; must begin with /'),
        (s3(addressing="path"), 'repository.s3.addressing: got "path"; must be Path or VirtualHost'),
        (
            s3(addressing="VirtualHost", endpoint="10.0.0.1:9000"),
            'repository.s3.addressing: got "VirtualHost"; must be Path: ',
        ),
        (
            s3(endpoint="http://s3", caSecret={"name": "ca"}),
            'repository.s3.caSecret.name: got "ca"; must be left out where the endpoint is http://',
        ),
        (
            s3(credentials={"name": "S3"}),
            'repository.s3.credentials.name: got "S3"; must be an object\'s name',
        ),
        (
            s3(caSecret={"name": "ca", "key": "a/b"}),
            'repository.s3.caSecret.key: got "a/b"; must be a key of a Secret',
        ),
        ({"repository": {"volume": {}, "s3": S3}}, "repository: got volume and s3; must be one of them"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(backup: dict[str, Any], message: str) -> None:
    (violation,) = refused(backup=backup)
    assert violation.startswith(f"spec.backup.{message}")


def test_every_mistake_is_named_at_once() -> None:
    backup = {
        "timeZone": "Mars/Olympus",
        "fullEvery": "soon",
        "retention": {"days": 0},
        "verify": {"schedule": "never"},
        **s3(bucket="B", endpoint="s3://", region="a b", path="x"),
    }
    restore = {"from": {"name": "orders"}, "targetTime": "2999-01-01T00:00:00Z", "targetName": "x"}
    assert {violation.partition(": ")[0] for violation in refused(backup=backup, restore=restore)} == {
        "spec.backup.timeZone",
        "spec.backup.fullEvery",
        "spec.backup.retention.days",
        "spec.backup.verify.schedule",
        "spec.backup.repository.s3.bucket",
        "spec.backup.repository.s3.endpoint",
        "spec.backup.repository.s3.region",
        "spec.backup.repository.s3.path",
        "spec.restore",
        "spec.restore.from.name",
        "spec.restore.targetTime",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            {},
            s3(),
            'spec.backup.repository: got "s3"; cannot change from "volume" while the repository holds 2',
        ),
        (s3(), {}, 'spec.backup.repository: got "volume"; cannot change from "s3" while'),
        (
            s3(),
            s3(bucket="other"),
            'spec.backup.repository.s3.bucket: got "other"; cannot change from "backups"',
        ),
        (s3(), s3(path="/x"), 'spec.backup.repository.s3.path: got "/x"; cannot change from null while'),
        (
            s3(),
            s3(endpoint="b"),
            'spec.backup.repository.s3.endpoint: got "b"; cannot change from "s3.example.',
        ),
        (
            {},
            {"repository": {"volume": {"storageClassName": "fast"}}},
            'spec.backup.repository.volume.storageClassName: got "fast"; cannot change from null while',
        ),
        (
            {},
            {"repository": {"encryption": {}}},
            "spec.backup.repository.encryption: got true; cannot change from false while",
        ),
    ],
)
def test_a_repository_stays_while_it_holds_a_backup(
    old: dict[str, Any], new: dict[str, Any], message: str
) -> None:
    (violation,) = changed({"backup": old}, {"backup": new}, count=2)[0]
    assert violation.startswith(message)
    assert violation.endswith("while the repository holds 2 backups")
    assert changed({"backup": old}, {"backup": new}, count=0)[0] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"repository": {"volume": {"size": "10Gi"}}}),
        ({}, {"repository": {"volume": {"size": "20Gi"}}}),
        (s3(), s3(credentials={"name": "new"})),
        (s3(), s3(caSecret={"name": "new"})),
        (s3(), s3(addressing="VirtualHost")),
        ({}, {"retention": {"days": 1}}),
    ],
)
def test_how_a_repository_is_reached_may_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert changed({"backup": old}, {"backup": new}, count=2)[0] == []


@pytest.mark.parametrize(
    ("old", "new", "shrinks"),
    [
        ({"backup": volume("20Gi")}, {"backup": volume("15Gi")}, '"15Gi"; cannot shrink from "20Gi"'),
        ({"backup": volume("20Gi")}, {}, '"10Gi"; cannot shrink from "20Gi"'),
        ({}, {"backup": volume("5Gi")}, '"5Gi"; cannot shrink from "10Gi"'),
        ({"backupSchedule": ""}, {"backup": volume("5Gi"), "backupSchedule": "@daily"}, ""),
        ({"backup": volume("20Gi")}, {"backup": s3()}, ""),
        ({"backup": s3()}, {"backup": volume("1Gi")}, ""),
        ({"backup": volume("20Gi")}, {"backup": volume("20480Mi")}, ""),
    ],
)
def test_a_repositorys_volume_only_grows(old: dict[str, Any], new: dict[str, Any], shrinks: str) -> None:
    path = "spec.backup.repository.volume.size"
    assert changed(old, new)[0] == ([f"{path}: got {shrinks}"] if shrinks else [])


def test_what_was_accepted_by_another_release_stays() -> None:
    odd = {"timeZone": "Mars/Olympus", "fullEvery": "soon", "verify": {"schedule": "x"}, **s3(bucket="B B")}
    assert changed({"backup": odd}, {"backup": {**odd, "suspended": True}})[0] == []
    assert [
        v.partition(": ")[0] for v in changed({"backup": odd}, {"backup": {**odd, "fullEvery": "x"}})[0]
    ] == ["spec.backup.fullEvery"]


def test_a_newline_at_the_end_is_part_of_a_name() -> None:
    """Python's `$` would let it pass, and the API server refuse it without the other mistakes."""
    for backup in (
        s3(credentials={"name": "s3\n"}),
        s3(caSecret={"name": "ca", "key": "ca.crt\n"}),
        {"repository": {"volume": {"size": "10Gi\n"}}},
        {"repository": {"volume": {"storageClassName": "fast\n"}}},
        {"timeZone": "UTC\n"},
        {"fullEvery": "7d\n"},
    ):
        assert len(refused(backup=backup)) == 1, backup


def test_a_last_backup_needs_a_schedule_where_the_data_goes() -> None:
    wish: dict[str, Any] = {"deletionPolicy": "Delete", "backup": {"finalBackup": True}}
    message = (
        'spec.backup.finalBackup: got true with deletionPolicy Delete and backupSchedule ""; '
        "needs a schedule, or to be false"
    )
    assert refused(backupSchedule="", **wish) == [message]
    assert changed({**wish, "backupSchedule": "@daily"}, {**wish, "backupSchedule": ""})[0] == [message]
    assert refused(backupSchedule="@daily", **wish) == []
    assert refused(backupSchedule="", backup={"finalBackup": True}) == []
    assert refused(backupSchedule="", deletionPolicy="Delete") == []
