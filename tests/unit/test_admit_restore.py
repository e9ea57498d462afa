"""spec.restore: what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.admit import admit
from tests import factory
from tests.backups import S3, changed
from tests.verdicts import NOW, POLICY, refused


@pytest.mark.parametrize(
    "restore",
    [
        {"from": {"name": "ledger"}},
        {"from": {"name": "ledger"}, "targetTime": "2026-11-22T08:00:00Z"},
        {"from": {"name": "ledger"}, "targetLSN": "0/3000060"},
        {"from": {"name": "ledger"}, "targetName": "before release"},
        {"from": {"s3": {**S3, "archive": "ledger-1a2b3c4d-7301"}}},
        {"from": {"name": "ledger", "archive": "ledger-1a2b3c4d-7301"}},
        {"from": {"s3": S3, "encryption": {"secret": {"name": "key"}}}},
    ],
)
def test_restores_that_can_be(restore: dict[str, Any]) -> None:
    assert refused(restore=restore) == []


@pytest.mark.parametrize(
    ("restore", "message"),
    [
        ({"from": {}}, "spec.restore.from: got name and s3, or neither; must be one of them"),
        (
            {"from": {"name": "a", "s3": S3}},
            "spec.restore.from: got name and s3, or neither; must be one of them",
        ),
        ({"from": {"name": "default/orders"}}, 'spec.restore.from.name: got "default/orders"; must be an'),
        ({"from": {"name": "orders"}}, 'spec.restore.from.name: got "orders"; must be another database; '),
        (
            {"from": {"name": "a"}, "targetTime": "2026-11-23T00:00:01Z"},
            'spec.restore.targetTime: got "2026-11-23T00:00:01Z"; is in the future; now it is 2026-11-23T',
        ),
        (
            {"from": {"name": "a"}, "targetTime": "yesterday"},
            'spec.restore.targetTime: got "yesterday"; must be an RFC 3339 moment',
        ),
        (
            {"from": {"name": "a"}, "targetTime": ""},
            'spec.restore.targetTime: got ""; must be an RFC 3339 moment',
        ),
        (
            {"from": {"name": "a"}, "targetTime": "2026-11-22t08:00:00z"},
            'spec.restore.targetTime: got "2026-11-22t08:00:00z"; must be an RFC 3339 moment',
        ),
        (
            {"from": {"name": "a"}, "targetTime": "2026-11-22"},
            'spec.restore.targetTime: got "2026-11-22"; must be an RFC 3339 moment',
        ),
        (
            {"from": {"name": "a"}, "targetTime": "2026-11-22T08:00:00Z", "targetName": "x"},
            "spec.restore: got several of targetTime, targetLSN and targetName; must be at most one",
        ),
        (
            {"from": {"name": "a"}, "targetLSN": "16"},
            'spec.restore.targetLSN: got "16"; must be a WAL location, such as 0/3000060',
        ),
        (
            {"from": {"s3": {**S3, "bucket": "B.."}}},
            'spec.restore.from.s3.bucket: got "B.."; must be 3 to 63 of a-z',
        ),
        (
            {"from": {"s3": {**S3, "archive": "../x"}}},
            'spec.restore.from.s3.archive: got "../x"; must be at most 100 of a-z, 0-9 and -',
        ),
        (
            {"from": {"s3": S3, "archive": "ledger-1"}},
            'spec.restore.from.archive: got "ledger-1"; goes with name; that of a bucket is s3.archive',
        ),
        (
            {"from": {"s3": S3, "encryption": {}}},
            "spec.restore.from.encryption.secret: got nothing; must name the Secret with the key",
        ),
    ],
)
def test_restores_that_cannot_be_are_refused(restore: dict[str, Any], message: str) -> None:
    (violation,) = refused(restore=restore)
    assert violation.startswith(message)


def test_a_restore_that_was_accepted_stays_so() -> None:
    restore = {"from": {"name": "ledger"}, "targetTime": "2026-11-22T08:00:00Z"}
    later = {**restore, "targetTime": "2026-11-22T09:00:00+01:00"}
    assert changed({"restore": restore}, {"restore": later, "hibernated": True})[0] == []
    for other in ({"from": {"name": "sales"}}, {**restore, "targetTime": "2026-11-22T08:00:01Z"}):
        (violation,) = changed({"restore": restore}, {"restore": other})[0]
        assert violation.startswith("spec.restore: got a change; is used only when the database is created")


def test_the_time_may_have_any_zone() -> None:
    east = datetime.fromisoformat("2026-11-23T09:00:00+09:00")
    assert east == NOW == east.astimezone(UTC)
    manifest = factory.complete_database(
        restore={"from": {"name": "a"}, "targetTime": "2026-11-23T00:30:00Z"}
    )
    assert not admit(manifest, policy=POLICY, now=east).accepted
    assert admit(manifest, policy=POLICY, now=NOW + timedelta(hours=1)).accepted
