"""The condition ArchivingWAL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.desired.repository.pod import users_secrets
from controller.observe.backups.record import Failure, Record
from controller.observe.repository import lacking
from controller.observe.state import ObservedState
from controller.plan.outcome import Done
from controller.protocol.member import Archiving, Report
from controller.protocol.settings import Reason
from controller.report.archiving import ARCHIVING, WORDS
from controller.report.finding import Finding, Subject
from controller.report.transitions import transitions
from schemas.api.types import decode
from tests.factory import complete_database
from tests.runs import ARCHIVE, around, settings
from tests.states import observed, pod

GOOD = Archiving(restorable="2026-11-29T10:00:00Z")
STUCK = Archiving("2026-11-29T10:00:00Z", Reason.REPOSITORY_UNREACHABLE, 32, "2026-11-29T09:59:00Z")
S3: dict[str, Any] = {
    "s3": {"bucket": "backups", "endpoint": "s3.example", "credentials": {"name": "s3-login"}}
}


def found(said: Archiving | None, before: dict[str, Any] | None = None, **spec: Any) -> Finding:  # noqa: ANN401
    return judged(observed((pod(0, "primary", archiving=said),)), before, **spec)


def judged(state: ObservedState, before: dict[str, Any] | None = None, **spec: Any) -> Finding:  # noqa: ANN401
    manifest = complete_database(**spec)
    if before:
        manifest["status"] = {"conditions": [before]}
    [finding] = ARCHIVING.findings(Subject(decode(manifest), state, Done(), None))
    return finding


def condition(status: str, reason: str) -> dict[str, Any]:
    at = "2026-11-29T09:00:00Z"
    return {
        "type": "ArchivingWAL",
        "status": status,
        "reason": reason,
        "message": "",
        "lastTransitionTime": at,
    }


def test_it_is_true_while_nothing_waits() -> None:
    assert (found(GOOD).holds, found(GOOD).reason) == (True, "Archiving")


def test_of_a_new_database_it_is_not_known_before_any_wal_is_archived() -> None:
    assert found(Archiving()).reason == "NotReported"


def test_trouble_ends_only_with_wal_that_is_archived() -> None:
    """A standby that is promoted while the repository is full has not tried yet."""
    assert found(Archiving(), condition("False", "RepositoryFull")).reason == "RepositoryFull"
    assert found(GOOD, condition("False", "RepositoryFull")).holds is True
    assert found(Archiving(), condition("True", "Archiving")).holds is True


def test_it_is_false_with_the_reason_in_plain_words_and_says_that_nothing_is_lost() -> None:
    finding = found(STUCK)
    assert (finding.holds, finding.reason) == (False, "RepositoryUnreachable")
    assert "since 2026-11-29T10:00:00Z: the repository does not answer" in finding.message
    assert "orders-repository-0 does not exist" in finding.message
    assert finding.message.endswith("and is not lost")


def test_wal_that_waits_for_no_known_reason_is_told_too() -> None:
    assert found(Archiving(STUCK.since, "", 16)).reason == "NotArchived"


def test_a_reason_that_is_not_known_at_the_moment_is_the_one_that_was_told() -> None:
    """A standby that is promoted while the repository is full has not tried yet."""
    silent = Archiving(STUCK.since, "", 16)
    last = found(silent, condition("False", "RepositoryFull"))
    assert last.reason == "RepositoryFull"
    assert "the repository is full: increase spec.backup.repository.volume.size" in last.message
    assert found(STUCK, condition("False", "RepositoryFull")).reason == "RepositoryUnreachable"
    assert found(silent, condition("False", "NotArchived")).reason == "NotArchived"
    assert found(silent, condition("True", "Archiving")).reason == "NotArchived"


def test_a_full_repository_is_told_once_whatever_the_primary_says_meanwhile() -> None:
    sequence = [GOOD, *(replace(STUCK, reason=reason) for reason in (Reason.REPOSITORY_FULL, "", "")), GOOD]
    before, events = condition("True", "Archiving"), []
    for said in sequence:
        finding = found(said, before)
        truth = "True" if finding.holds else "False"
        after = {**condition(truth, finding.reason), "message": finding.message}
        events += [reason for _, reason, _ in transitions({"conditions": [before]}, {"conditions": [after]})]
        before = after
    assert events == ["RepositoryFull", "Archiving"]


def test_what_a_backup_found_tells_why_wal_waits() -> None:
    silent = observed((pod(0, "primary", archiving=Archiving(STUCK.since, "", 16)),))
    record = Record(archive=ARCHIVE, backup_failure=Failure(STUCK.since, "RepositoryFull", "no space left"))
    assert judged(around(silent, of=settings(record=record))).reason == "RepositoryFull"


def test_a_full_repository_says_what_to_do() -> None:
    full = found(Archiving(STUCK.since, Reason.REPOSITORY_FULL, 16))
    assert "increase spec.backup.repository.volume.size" in full.message
    assert (
        "spec.backup.repository.volume"
        not in found(Archiving(STUCK.since, Reason.REPOSITORY_FULL, 16), backup={"repository": S3}).message
    )


def test_a_missing_secret_is_named() -> None:
    missing = Archiving(STUCK.since, Reason.INVALID_SETTINGS, 16)
    assert "s3-login (accessKeyId, secretAccessKey)" in found(missing, backup={"repository": S3}).message


ENCRYPTED: dict[str, Any] = {"backup": {"repository": {"encryption": {"secret": {"name": "k", "key": "p"}}}}}
ABSENT = "Secret shop/k, which backup.repository.encryption.secret names, does not exist: create it with p"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, ABSENT),
        ({}, "p is missing or empty (it has: nothing)"),
        ({"q": "eA=="}, "needs p: p is missing or empty (it has: q)"),
        ({"p": "Cg=="}, "p is missing or empty (it has: nothing)"),
    ],
)
def test_a_secret_that_is_missing_or_lacks_its_entry_is_named_with_what_would_be_right(
    data: dict[str, str] | None, told: str
) -> None:
    wanted = users_secrets(decode(complete_database(**ENCRYPTED)))
    (lacks,) = lacking(wanted, {} if data is None else {"k": {"data": data}}, "shop")
    assert told in lacks
    assert lacking(wanted, {"k": {"data": {"p": "eA=="}}}, "shop") == ()
    assert users_secrets(decode(complete_database(**ENCRYPTED, backupSchedule=""))) == []
    entries = [each.entries for each in users_secrets(decode(complete_database(backup={"repository": S3})))]
    assert entries == [("accessKeyId", "secretAccessKey")]


def test_a_missing_secret_is_told_before_anything_runs_and_no_more_once_it_is_there() -> None:
    nobody = replace(observed(()), lacking=(ABSENT,))
    finding = judged(nobody, **ENCRYPTED)
    assert (finding.holds, finding.reason) == (False, "InvalidSettings")
    assert finding.message == f"{ABSENT}; until then no WAL is archived, and no backup made"
    silent = replace(observed((pod(0, "primary", archiving=STUCK),)), lacking=(ABSENT,))
    assert judged(silent, **ENCRYPTED).message == finding.message
    # What the pods know may still do.
    works = replace(observed((pod(0, "primary", archiving=GOOD),)), lacking=(ABSENT,))
    assert judged(works, **ENCRYPTED).holds is True
    before = condition("False", "InvalidSettings")
    assert judged(replace(nobody, lacking=()), before, **ENCRYPTED).reason == "NoPrimary"
    assert judged(replace(nobody, lacking=None), before, **ENCRYPTED).reason == "InvalidSettings"


@pytest.mark.parametrize(
    ("spec", "reason"), [({"backupSchedule": ""}, "NoSchedule"), ({"hibernated": True}, "Hibernated")]
)
def test_where_nothing_is_to_be_archived_it_is_unknown(spec: dict[str, Any], reason: str) -> None:
    finding = found(STUCK, **spec)
    assert (finding.holds, finding.reason) == (None, reason)


def test_a_change_of_the_primary_is_no_news() -> None:
    nobody = observed((pod(0), pod(1)))
    assert judged(nobody).reason == "NoPrimary"
    assert judged(nobody, condition("True", "Archiving")).holds is True
    assert judged(nobody, condition("False", "RepositoryFull")).reason == "RepositoryFull"
    assert found(None, condition("True", "Archiving")).holds is True
    assert found(None).reason == "NotReported"


def test_trouble_and_its_end_are_told_once() -> None:
    good, bad = condition("True", "Archiving"), condition("False", "RepositoryFull")
    unknown = condition("Unknown", "NotReported")

    def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
        events = transitions({"conditions": [before]}, {"conditions": [after]})
        return [(kind, reason) for kind, reason, _ in events]

    assert told(good, bad) == [("Warning", "RepositoryFull")]
    assert told(bad, good) == [("Normal", "Archiving")]
    assert told(unknown, good) == []
    assert told(bad, bad) == []


def test_every_reason_has_words_of_its_own() -> None:
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize("said", [None, Archiving(), STUCK])
def test_a_report_is_read_as_it_was_written(said: Archiving | None) -> None:
    assert Report.read(Report(1, archiving=said).tags()).archiving == said


@pytest.mark.parametrize("said", [{"archiving": "x"}, {"archiving": {"waiting": "x", "since": 1}}])
def test_what_is_damaged_counts_as_not_said(said: dict[str, Any]) -> None:
    assert Report.read(said).archiving in (None, Archiving())
