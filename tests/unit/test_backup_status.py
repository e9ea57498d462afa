"""What the status and events tell of backups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from controller.kube.objects import Manifest
from controller.observe.backups.backups import backups
from controller.observe.backups.record import Failure, Record
from controller.observe.state import ObservedState
from controller.plan.outcome import Done, Stalled
from controller.protocol.member import Archiving
from controller.report.backups import news
from controller.report.status import status
from schemas.api.types import PostgreSQLDatabase, decode
from tests.factory import complete_database, typed_database
from tests.runs import ARCHIVE, HELD, around, failed, job, pod, settings
from tests.states import members, observed
from tests.states import pod as pod_of

LAST = "2026-07-01T02:00:05Z"
BACKED_UP = Record(archive=ARCHIVE, contents=HELD, read=LAST, last_backup=LAST)
EMPTY = Failure("2026-07-02T02:00:05Z", "RepositoryFull", "no space left")


def database(last: str = "", **spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    manifest = complete_database(**{"backupSchedule": "0 2 * * *", **spec})
    return decode({**manifest, "status": {"lastBackupTime": last} if last else {}})


def seen(record: Record | None = None, at: str = "2026-07-01T03:00:00Z", *more: Any) -> ObservedState:  # noqa: ANN401
    now = datetime.fromisoformat(at)
    return replace(around(observed(members(1)), *more, of=settings(record=record)), seen=now)


def told(db: PostgreSQLDatabase, state: ObservedState) -> dict[str, Any]:
    return status(db, state, Done(), validated=True, now="2026-07-01T12:00:00Z")


def condition(db: PostgreSQLDatabase, state: ObservedState) -> tuple[str, str, str]:
    (found,) = [c for c in told(db, state)["conditions"] if c["type"] == "BackedUp"]
    return found["status"], found["reason"], found["message"]


def test_a_recent_backup_is_told_with_what_the_repository_holds() -> None:
    whole = told(database(), seen(BACKED_UP))
    assert whole["lastBackupTime"] == LAST
    assert whole["backups"] == {
        "count": 1,
        "sizeBytes": 5 << 20,
        "oldestRestorableTime": "2026-07-01T02:00:06Z",
    }
    assert condition(database(), seen(BACKED_UP)) == (
        "True",
        "BackupRecent",
        f"the newest backup ended at {LAST}",
    )
    assert decode({**complete_database(), "status": whole}).status.last_backup_time == LAST


def test_without_any_backup_the_condition_is_false_until_the_first() -> None:
    assert condition(database(), seen())[:2] == ("False", "FirstBackup")
    of = job("orders-backup-first")
    waits = pod(of, waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    assert condition(database(), seen(None, LAST, of, waits))[2] == "ImagePullBackOff: no such image"
    bad = Record(archive=ARCHIVE, backup_failure=EMPTY)
    assert condition(database(), seen(bad)) == ("False", "BackupFailed", "RepositoryFull: no space left")
    suspended = database(backup={"suspended": True})
    assert condition(suspended, seen())[:2] == ("False", "BackupsSuspended")
    assert "backups" not in told(database(), seen())


def test_without_its_secret_there_is_no_first_backup() -> None:
    lacking = replace(seen(), lacking=("Secret shop/k does not exist",))
    truth, reason, message = condition(database(), lacking)
    assert (truth, reason) == ("False", "InvalidSettings")
    assert message.startswith("Secret shop/k does not exist; until then")


def test_a_job_or_a_pod_that_is_refused_is_told() -> None:
    refused = Stalled("WriteRefused", "Job orders-backup-first: exceeded quota: few")
    whole = status(database(), seen(), refused, validated=True, now=LAST)
    (found,) = [each for each in whole["conditions"] if each["type"] == "BackedUp"]
    assert found["message"] == "not all could be written: Job orders-backup-first: exceeded quota: few"
    message = condition(database(), seen(None, LAST, job("orders-backup-first")))[2]
    assert "no pod yet: kubectl describe job orders-backup-first -n shop" in message


@pytest.mark.parametrize(
    ("zone", "at", "truth"),
    [
        # The last one ended on 1 July at 04:00 in Berlin: one is due at 02:00 on 2 July, another on 3 July.
        ("Europe/Berlin", "2026-07-02T23:59:59Z", "True"),
        ("Europe/Berlin", "2026-07-03T00:00:00Z", "False"),
        ("UTC", "2026-07-03T01:59:59Z", "True"),
        ("UTC", "2026-07-03T02:00:00Z", "False"),
    ],
)
def test_two_periods_of_the_schedule_without_a_good_backup_are_too_many(
    zone: str, at: str, truth: str
) -> None:
    db = database(backup={"timeZone": zone})
    assert condition(db, seen(BACKED_UP, at))[0] == truth


def test_an_overdue_backup_tells_why_there_is_none() -> None:
    late = "2026-07-04T00:00:00Z"
    since = f"the newest backup ended at {LAST}, more than two periods of backupSchedule ago"
    assert condition(database(), seen(BACKED_UP, late)) == ("False", "BackupOverdue", since)
    failing = Record(archive=ARCHIVE, last_backup=LAST, backup_failure=EMPTY)
    assert condition(database(), seen(failing, late)) == (
        "False",
        "BackupFailed",
        f"{since}; RepositoryFull: no space left",
    )
    still = database(backup={"suspended": True})
    assert condition(still, seen(BACKED_UP, late))[:2] == ("False", "BackupsSuspended")
    # What sleeps does not change.
    assert condition(database(hibernated=True), seen(BACKED_UP, late))[:2] == ("True", "Hibernated")


def test_one_failure_is_told_at_once_and_does_not_make_the_last_backup_old() -> None:
    failing = Record(archive=ARCHIVE, contents=HELD, last_backup=LAST, backup_failure=EMPTY)
    assert condition(database(), seen(failing))[0] == "True"
    assert told(database(), seen(failing))["backups"]["lastError"] == {
        "time": EMPTY.time,
        "reason": "RepositoryFull",
        "message": "no space left",
    }


def archiving(said: Archiving, *more: Manifest, noted: Manifest | None = None) -> ObservedState:
    primary = observed((pod_of(0, "primary", archiving=said),))
    return around(primary, *more, of=noted or settings(record=BACKED_UP))


@pytest.mark.parametrize("symptom", ["WALMissing", "Failed", "RepositoryFull"])
def test_while_the_repository_is_full_that_is_why_backups_fail(symptom: str) -> None:
    waits = Archiving(LAST, "RepositoryFull", 16, LAST)
    of = job("orders-backup-1", "Failed")
    ended = pod(of, failed(symptom, "2026-07-01T02:30:00Z", "segment 7 was not archived in time"))
    full = archiving(waits, of, ended)
    error = told(database(), full)["backups"]["lastError"]
    assert (error["time"], error["reason"]) == ("2026-07-01T02:30:00Z", "RepositoryFull")
    # What is noted of it stays, though the repository has grown while the Job is still there.
    noted = settings(record=backups(full, "orders").record)
    after = archiving(Archiving(restorable=LAST), of, ended, noted=noted)
    assert told(database(), after)["backups"]["lastError"] == error


def test_a_backup_that_waits_for_another_is_no_failure_of_a_full_repository() -> None:
    waits = Archiving(LAST, "RepositoryFull", 16, LAST)
    of = job("orders-backup-1", "Failed")
    ended = pod(of, failed("AnotherRunHoldsTheLock", "2026-07-01T02:30:00Z"))
    full = archiving(waits, of, ended)
    assert "lastError" not in told(database(), full)["backups"]


def test_old_backups_that_could_not_be_removed_are_told_and_make_no_backup_bad() -> None:
    left = Failure(LAST, "RepositoryDamaged", "checksum of a file")
    record = msgspec.structs.replace(BACKED_UP, expire_failure=left)
    why = "old backups were not removed, so the repository grows: RepositoryDamaged: checksum of a file"
    message = f"the newest backup ended at {LAST}; {why}; the next backup tries again"
    assert condition(database(), seen(record)) == ("True", "BackupRecent", message)
    told_last = "old backups were not removed: checksum of a file"
    error = told(database(), seen(record))["backups"]["lastError"]
    assert error == {"time": LAST, "reason": "RepositoryDamaged", "message": told_last}
    assert changed(record) == [("Warning", "OldBackupsKept", f"RepositoryDamaged: {told_last}")]


def test_the_time_of_the_last_backup_never_moves_back() -> None:
    newer = database("2026-07-05T02:00:05Z")
    assert told(newer, seen(BACKED_UP))["lastBackupTime"] == "2026-07-05T02:00:05Z"
    assert told(newer, observed())["lastBackupTime"] == "2026-07-05T02:00:05Z"
    assert condition(newer, seen(BACKED_UP, "2026-07-06T00:00:00Z"))[0] == "True"
    assert "lastBackupTime" not in told(database(), observed())


def test_a_backup_that_does_not_restore_is_none() -> None:
    lost = Failure("2026-07-02T02:00:05Z", "WALMissing", "before segment 7")
    record = Record(archive=ARCHIVE, contents=HELD, last_backup=LAST, verified=LAST, verify_failure=lost)
    truth, reason, message = condition(database(), seen(record))
    assert (truth, reason) == ("False", "VerificationFailed")
    assert message == (
        "the newest backup does not restore: WALMissing: before segment 7; verified at 2026-07-02T02:00:05Z"
    )
    summary = told(database(), seen(record))["backups"]
    assert summary["lastVerifiedTime"] == LAST
    assert summary["lastError"]["message"] == "verification: before segment 7"
    skipped = Failure("2026-07-02T02:00:05Z", "NoRoom", "too small")
    record = Record(archive=ARCHIVE, contents=HELD, last_backup=LAST, verify_failure=skipped)
    assert condition(database(), seen(record))[0] == "True"


def archived(archiving: Archiving | None, at: str = "2026-07-01T03:00:00Z") -> ObservedState:
    state = seen(BACKED_UP, at)
    return replace(state, instances=tuple(replace(i, archiving=archiving) for i in state.instances))


def test_how_far_the_archive_reaches_is_told_and_never_moves_back() -> None:
    well = told(database(), archived(Archiving(restorable="2026-07-01T02:59:00Z")))
    assert well["backups"]["newestRestorableTime"] == "2026-07-01T02:59:00Z"
    assert well["backups"]["archiveLagSeconds"] == 0
    stored = decode({**complete_database(backupSchedule="0 2 * * *"), "status": well})
    late = Archiving("2026-07-01T02:59:30Z", "RepositoryFull", 16, "2026-07-01T02:30:00Z")
    trouble = told(stored, archived(late, "2026-07-01T03:02:29Z"))["backups"]
    assert trouble["newestRestorableTime"] == "2026-07-01T02:59:00Z"
    assert trouble["archiveLagSeconds"] == 120
    unknown = told(stored, archived(None))["backups"]
    assert unknown["newestRestorableTime"] == "2026-07-01T02:59:00Z"
    assert "archiveLagSeconds" not in unknown


def test_the_window_ends_after_it_begins_and_there_is_none_without_a_backup() -> None:
    early = Archiving(restorable="2026-07-01T01:59:00Z")
    assert told(database(), archived(early))["backups"]["newestRestorableTime"] == "2026-07-01T02:00:06Z"
    none = replace(archived(early), children=seen().children)
    assert "newestRestorableTime" not in told(database(), none)["backups"]
    # Nor is what was told before, of a repository that is lost.
    stored = decode(
        {**complete_database(backupSchedule="0 2 * * *"), "status": told(database(), archived(early))}
    )
    assert "newestRestorableTime" not in told(stored, none)["backups"]


def test_a_primary_that_has_archived_nothing_yet_has_no_lag() -> None:
    assert "archiveLagSeconds" not in told(database(), archived(Archiving()))["backups"]
    waits = archived(Archiving(since="2026-07-01T02:57:00Z"))
    assert told(database(), waits)["backups"]["archiveLagSeconds"] == 180


def test_without_a_schedule_nothing_is_promised() -> None:
    db = database(backupSchedule="")
    assert condition(db, seen(BACKED_UP))[:2] == ("Unknown", "NoSchedule")
    assert "backups" not in told(db, seen(BACKED_UP))


def changed(record: Record, *, db: PostgreSQLDatabase | None = None) -> list[tuple[str, str, str]]:
    """Give the events of what became of a database that had BACKED_UP."""
    before, after = told(database(), seen(BACKED_UP)), told(db or database(), seen(record))
    return [(event.type, event.reason, event.message) for event in news(before, after)]


def test_what_came_to_an_end_is_told_once() -> None:
    assert changed(BACKED_UP) == []
    newer = "2026-07-02T02:00:05Z"
    made = Record(archive=ARCHIVE, contents=HELD, last_backup=newer)
    assert changed(made) == [
        ("Normal", "BackupMade", f"a backup ended at {newer}; the repository holds 1, 5 MiB in all"),
    ]
    failing = Record(archive=ARCHIVE, contents=HELD, last_backup=LAST, backup_failure=EMPTY)
    assert changed(failing) == [("Warning", "BackupFailed", "RepositoryFull: no space left")]
    good = Record(archive=ARCHIVE, contents=HELD, last_backup=LAST, verified=newer)
    assert [(kind, reason) for kind, reason, _ in changed(good)] == [("Normal", "BackupVerified")]
    for why, reason in (("NoRoom", "VerificationSkipped"), ("RelationDamaged", "VerificationFailed")):
        failure = Failure(newer, why, "so it was")
        record = Record(archive=ARCHIVE, contents=HELD, last_backup=LAST, verify_failure=failure)
        assert changed(record) == [("Warning", reason, f"{why}: verification: so it was")]


def test_a_new_object_on_kept_volumes_tells_no_old_news() -> None:
    assert news({"observedGeneration": 1}, told(database(), seen(BACKED_UP))) == []


def test_the_same_state_gives_the_same_status() -> None:
    db = database()
    first = told(db, seen(BACKED_UP))
    stored = decode({**complete_database(backupSchedule="0 2 * * *"), "status": first})
    assert told(stored, seen(BACKED_UP, "2026-07-01T09:00:00Z")) == first


def test_a_default_schedule_is_a_schedule() -> None:
    late = datetime(2026, 7, 9, tzinfo=UTC).isoformat()
    assert condition(typed_database(), seen(BACKED_UP, late))[1] == "BackupOverdue"
