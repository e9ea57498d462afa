"""After a restore in place: backups from before are of other data, and another is made at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from controller.kube.objects import Manifest
from controller.observe.backups.record import Record
from controller.observe.restore.past import RESTORED_TO, Past
from controller.observe.state import ObservedState
from controller.plan.actions import Apply
from controller.plan.outcome import Done
from controller.plan.planner import plan
from controller.plan.situation import Intent
from controller.report.status import status
from schemas.api.types import decode
from tests.factory import complete_database
from tests.runs import ARCHIVE, HELD, around, job, made, pod, settings
from tests.states import intent, members, observed, settled

LAST, AFTER = "2026-07-01T02:00:05Z", "2026-07-01T02:30:00Z"
BACKED_UP = Record(archive=ARCHIVE, contents=HELD, read=LAST, last_backup=LAST)
NAME = "orders-backup-20260701023000"


def wish(**spec: Any) -> Intent:  # noqa: ANN401
    manifest = complete_database(**{"backupSchedule": "0 2 * * *", **spec})
    return intent(decode({**manifest, "status": {"lastBackupTime": LAST}}))


@pytest.fixture
def calm() -> ObservedState:
    """Give a state in which nothing of the instances is to be done."""
    return replace(settled(wish(), observed(members(1))), seen=datetime(2026, 7, 1, 3, tzinfo=UTC))


def restored(record: Record, at: str) -> Manifest:
    """Give the settings of a database that was restored in place, over at a moment."""
    known = settings(record=record)
    known["metadata"]["annotations"][RESTORED_TO] = Past(to="former", aside="before-1", at=at).text()
    return known


def jobs(state: ObservedState, **spec: Any) -> dict[str, Manifest]:  # noqa: ANN401
    """Give the Jobs that the plan makes."""
    writes = [a.manifest for a in plan(wish(**spec), state).actions if isinstance(a, Apply)]
    return {m["metadata"]["name"]: m for m in writes if m["kind"] == "Job"}


def told(state: ObservedState) -> tuple[str, str, str]:
    conditions = status(wish().db, state, Done(), validated=True, now=AFTER)["conditions"]
    (found,) = [each for each in conditions if each["type"] == "BackedUp"]
    return found["status"], found["reason"], found["message"]


def test_a_full_backup_is_made_at_once(calm: ObservedState) -> None:
    known = restored(BACKED_UP, AFTER)
    ((name, made_now),) = jobs(around(calm, of=known)).items()
    assert name == NAME
    assert made_now["spec"]["template"]["spec"]["containers"][0]["args"][1:] == ["backup", "--full"]
    # Once; and one that failed makes room for another.
    assert jobs(around(calm, job(name), of=known)) == {}
    assert made_now["spec"]["ttlSecondsAfterFinished"] == 300
    assert jobs(around(calm, of=known), backup={"suspended": True}) == {}


def test_one_that_was_made_since_is_enough(calm: ObservedState) -> None:
    done = job(NAME, "Complete")
    good = pod(done, made("2026-07-01T02:31:00Z"))
    assert jobs(around(calm, done, good, of=restored(BACKED_UP, AFTER))) == {}
    later = structs.replace(BACKED_UP, last_backup="2026-07-01T02:31:00Z")
    assert jobs(around(calm, of=restored(later, AFTER))) == {}


def test_without_any_backup_yet_it_is_the_first(calm: ObservedState) -> None:
    assert list(jobs(around(calm, of=restored(Record(archive=ARCHIVE), AFTER)))) == ["orders-backup-first"]


def test_the_condition_is_false_until_there_is_one(calm: ObservedState) -> None:
    words = f"the first backup since the restore in place that was over at {AFTER} has not ended yet"
    assert told(around(calm, of=restored(BACKED_UP, AFTER))) == ("False", "FirstBackup", words)
    assert told(around(calm, of=restored(BACKED_UP, "2026-07-01T02:00:00Z")))[:2] == ("True", "BackupRecent")
