"""spec.backup: what is warned of, and what a change does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.admit import admit
from tests import factory
from tests.backups import S3, changed, s3, volume
from tests.verdicts import NOW, POLICY, unshowable

ROLLING = "rolling restart, then a switchover"
VERIFY = "spec.backup.verify.schedule"
WINDOW = "spec.backup.retention.days"
BUCKET = "spec.backup.repository.s3"
SIZE = "backup.repository.volume.size"


def warned(**spec: Any) -> tuple[str, ...]:  # noqa: ANN401
    verdict = admit(factory.complete_database(**{"replicas": 3, **spec}), policy=POLICY, now=NOW)
    assert verdict.accepted, verdict.violations
    return verdict.warnings


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        (
            {"backupSchedule": ""},
            'spec.backupSchedule: "" means no backups and no archived WAL: lost data stays lost',
        ),
        (
            {"backupSchedule": "*/30 * * * *"},
            "spec.backupSchedule: less than an hour apart; archived WAL covers every second between backups",
        ),
        (
            {"backup": {"verify": {"schedule": "@every 10m"}}},
            f"{VERIFY}: less than an hour apart; each restores and reads the whole database",
        ),
        (
            {"backup": {"retention": {"days": 3}}},
            f"{WINDOW}: 3 is shorter than fullEvery, 7d: a full backup stays until the next replaces it",
        ),
        (
            {"backup": {"fullEvery": "30s"}},
            "spec.backup.fullEvery: 30s is less than an hour: most backups are full; is the unit right?",
        ),
        (
            {"storage": {"size": "20Gi"}},
            "spec.backup.repository.volume.size: 10Gi is less than storage.size, 20Gi, and keeps 14 days",
        ),
        (
            {"backup": {"verify": {"schedule": ""}}},
            'spec.backup.verify.schedule: "" means that nobody knows whether the backups restore',
        ),
        (
            {"backup": {"suspended": True}},
            "spec.backup.suspended: no backups are made; only WAL is archived, and nothing expires",
        ),
        (
            {"backup": {"finalBackup": True}},
            "spec.backup.finalBackup: has no effect with deletionPolicy Retain, which keeps all backups",
        ),
        (
            {"backup": s3(endpoint="http://s3.example.com")},
            "spec.backup.repository.s3.endpoint: by http:// everybody on the way can read the data",
        ),
        (
            {"backup": s3(bucket="my.backups", addressing="VirtualHost")},
            f"{BUCKET}.bucket: few certificates cover a name with dots; addressing Path avoids that",
        ),
        (
            {"restore": {"from": {"s3": {**S3, "endpoint": "http://s3.example.com"}}}},
            "spec.restore.from.s3.endpoint: by http:// everybody on the way can read the data",
        ),
    ],
)
def test_what_is_legal_and_unwise_is_told(spec: dict[str, Any], warning: str) -> None:
    assert warned(**spec) == (warning,)


@pytest.mark.parametrize(
    "spec",
    [
        {"backupSchedule": "", "storage": {"size": "20Gi"}},
        {"storage": {"size": "20Gi"}, "backup": s3()},
        {"backup": {"finalBackup": True}, "deletionPolicy": "Delete"},
        {"backup": {"repository": {"s3": {**S3, "endpoint": "http://s3"}, "encryption": {}}}},
        {"backup": {"retention": {"days": 7}}},
    ],
)
def test_what_is_as_it_should_be_is_not_told(spec: dict[str, Any]) -> None:
    unscheduled = spec.get("backupSchedule") == ""
    assert len(warned(**spec)) == (1 if unscheduled else 0)


@pytest.mark.parametrize(
    ("old", "new", "warnings"),
    [
        (
            {},
            {"backupSchedule": ""},
            (
                'spec.backupSchedule: "" means no backups and no archived WAL: lost data stays lost',
                f"backupSchedule: no more backups and archived WAL; those there are stay: {ROLLING}",
            ),
        ),
        (
            {"backupSchedule": ""},
            {"backupSchedule": "@daily"},
            (f"backupSchedule: a new archive, with a full backup first: {ROLLING}",),
        ),
        ({"backupSchedule": "@daily"}, {"backupSchedule": "@weekly"}, ()),
        (
            {},
            {"backup": s3()},
            (f"backup.repository volume -> s3: begins with a full backup: {ROLLING}",),
        ),
        (
            {"backup": s3()},
            {},
            (f"backup.repository s3 -> volume: begins with a full backup: {ROLLING}",),
        ),
        (
            {"backup": s3()},
            {"backup": s3(credentials={"name": "new"})},
            (f"backup.repository: the pods get other Secrets: {ROLLING}",),
        ),
        (
            {"backup": {"repository": {"encryption": {}}}},
            {"backup": {"repository": {"encryption": {"secret": {"name": "own"}}}}},
            (
                f"backup.repository: the pods get other Secrets: {ROLLING}",
                "backup.repository.encryption: with another key nobody reads the backups that there are",
            ),
        ),
        (
            {},
            {"backup": {"retention": {"days": 7}}},
            ("backup.retention.days 14 -> 7: what is older goes with the next backup",),
        ),
        ({}, {"backup": {"retention": {"days": 30}}}, ()),
        (
            {},
            {"backup": volume("200Gi")},
            (
                f"{SIZE} 10Gi -> 200Gi: the volume grows and can never shrink again",
                f"{SIZE} 10Gi -> 200Gi: more than ten times as much; is the unit right?",
            ),
        ),
        ({}, {"backup": volume("10240Mi")}, ()),
        ({}, {"backup": {"verify": {"schedule": "0 5 * * 0"}, "timeZone": "Europe/Berlin"}}, ()),
    ],
)
def test_a_change_says_what_it_will_do(
    old: dict[str, Any], new: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    assert changed(old, new) == ([], warnings)


BACKUPS = st.fixed_dictionaries(
    {},
    optional={
        "timeZone": st.sampled_from(["UTC", "America/Argentina/ComodRivadavia"]),
        "suspended": st.booleans(),
        "fullEvery": st.sampled_from(["0s", "300d", "8760h0m0s"]),
        "retention": st.fixed_dictionaries({"days": st.integers(1, 3650)}),
        "verify": st.fixed_dictionaries(
            {"schedule": st.sampled_from(["", "@hourly", ",,1 , * * *", "* * 1 * 1"])}
        ),
        "finalBackup": st.booleans(),
        "repository": st.sampled_from(
            [
                {"volume": {"size": f"{'0' * 40}300Mi"}},
                {"volume": {"size": "60Ti"}, "encryption": {}},
                {
                    "s3": {
                        **S3,
                        "endpoint": f"http://{'a.' * 60}com",
                        "bucket": "a.b" * 21,
                        "addressing": "VirtualHost",
                    }
                },
                {"s3": {**S3, "bucket": "a.b" * 21, "addressing": "VirtualHost"}},
            ]
        ),
    },
)
SPECS = st.fixed_dictionaries(
    {"backup": BACKUPS},
    optional={
        "backupSchedule": st.sampled_from(["", "*/1 * * * *"]),
        "storage": st.fixed_dictionaries({"size": st.sampled_from([f"{'0' * 40}10Ti", "64Ti"])}),
        "hibernated": st.booleans(),
    },
)


@settings(max_examples=100)
@given(SPECS, SPECS)
def test_every_warning_is_shorter_than_120_characters(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert unshowable(old, new) == []
