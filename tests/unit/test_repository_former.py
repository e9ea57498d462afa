"""A repository that holds the backups of a former database of the name, or whose volume is another one."""

from __future__ import annotations

from typing import Any

import pytest

from controller.desired import labels
from controller.kube.objects import Manifest
from controller.observe.backups.record import Record, recorded
from controller.observe.state import Leadership, ObservedState
from controller.plan.actions import Apply, Delete
from controller.plan.deletion import finalize
from controller.plan.outcome import Done
from controller.plan.planner import FINALIZER, plan
from controller.report.status import status
from controller.report.transitions import transitions
from schemas.api.types import PostgreSQLDatabase, decode
from tests.factory import complete_database
from tests.runs import ARCHIVE, HELD, around, job, made, pod, settings
from tests.states import intent, members, observed, settled

LAST = "2026-07-01T02:00:05Z"
FORMER = Record(archive=ARCHIVE, contents=HELD, read=LAST, last_backup=LAST)
OURS = "orders-1a2b3c4d-7300000000000000002"
INITIALISED = Leadership("orders-0", initialized=True, identifier="7300000000000000002")
MADE, MADE_ANEW = "2026-06-01T00:00:00Z", "2026-07-01T12:00:00Z"


def database(uid: str = "new", last: str = "", **spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    manifest = complete_database(**{"backupSchedule": "0 2 * * *", "deletionPolicy": "Delete", **spec})
    manifest["metadata"] |= {"uid": uid, "finalizers": [FINALIZER]}
    return decode({**manifest, "status": {"lastBackupTime": last} if last else {}})


def left(record: Record = FORMER, writer: str = "former") -> Manifest:
    """Give the settings that a former object has left, or that are of this one."""
    found = settings(record=record)
    found["metadata"]["annotations"] |= {"keddah.dev/written-for": writer}
    return found


def claim(uid: str = "first", created: str = MADE) -> Manifest:
    metadata = {
        "name": "repository-orders-repository-0",
        "namespace": "shop",
        "uid": uid,
        "resourceVersion": "1",
        "creationTimestamp": created,
        "labels": labels.kept("orders", labels.REPOSITORY),
    }
    spec = {"resources": {"requests": {"storage": "10Gi"}}}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": {"phase": "Bound"}}


def written(db: PostgreSQLDatabase, state: ObservedState) -> dict[str, Manifest]:
    writes = [each.manifest for each in plan(intent(db), state).actions if isinstance(each, Apply)]
    return {each["metadata"]["name"]: each for each in writes if each["kind"] in ("ConfigMap", "Job")}


def told(db: PostgreSQLDatabase, state: ObservedState) -> dict[str, Any]:
    return status(db, state, Done(), validated=True, now="2026-07-01T13:00:00Z")


def backed_up(whole: dict[str, Any]) -> tuple[str, str, str]:
    (found,) = [each for each in whole["conditions"] if each["type"] == "BackedUp"]
    return found["status"], found["reason"], found["message"]


def test_a_new_database_has_no_backup_though_its_repository_holds_a_former_ones() -> None:
    state = around(ObservedState(), claim(), of=left())
    whole = told(database(), state)
    assert "lastBackupTime" not in whole
    assert "backups" not in whole
    truth, reason, message = backed_up(whole)
    assert (truth, reason) == ("False", "FirstBackup")
    assert f"also holds backups of a former orders: {ARCHIVE} (newest {LAST}); those stay" in message


def test_what_is_remembered_of_a_former_database_stays_apart() -> None:
    began = written(database(), around(ObservedState(), claim(), of=left()))["orders-backup"]
    assert recorded(began).last_backup == ""
    assert [each.archive for each in recorded(began).former] == [ARCHIVE]
    running = settled(intent(database()), observed(members(1), leadership=INITIALISED))
    live = settings(OURS)
    live["metadata"]["annotations"] = {**began["metadata"]["annotations"]}
    done = job("orders-backup-first", "Complete", archive=OURS)
    state = around(running, claim(), done, pod(done, made("2026-07-01T12:30:05Z")), of=live)
    after = recorded(written(database(), state)["orders-backup"])
    assert (after.archive, after.last_backup) == (OURS, "2026-07-01T12:30:05Z")
    assert [each.last_backup for each in after.former] == [LAST]
    truth, reason, message = backed_up(told(database(), state))
    assert (truth, reason) == ("True", "BackupRecent")
    assert ARCHIVE in message


def gone(settings: Manifest, uid: str = "new", **spec: Any) -> set[str]:  # noqa: ANN401
    """Give what is deleted with an object whose instances have stopped."""
    children = {
        "PersistentVolumeClaim": {"repository-orders-repository-0": claim()},
        "ConfigMap": {"orders-backup": settings},
        "Secret": {},
    }
    for name in ("orders-keys", "orders-encryption", "orders-app"):
        metadata: dict[str, Any] = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}
        metadata["labels"] = {"keddah.dev/database": "orders"}
        children["Secret"][name] = {"kind": "Secret", "metadata": metadata}
    settings["metadata"] |= {"resourceVersion": "1"}
    actions = finalize(database(uid, **spec), ObservedState(children=children)).actions
    return {each.name for each in actions if isinstance(each, Delete)}


EVERYTHING = {
    "repository-orders-repository-0",
    "orders-backup",
    "orders-keys",
    "orders-encryption",
    "orders-app",
}


@pytest.mark.parametrize(
    ("settings", "others"),
    [
        # Of the former database, whose last backup this was to be.
        (left(Record(archive=OURS, last_backup=LAST, former=(FORMER,)), "new"), True),
        (left(Record(former=(FORMER,)), "new"), True),
        # Deleted before anything was written for it.
        (left(FORMER, "former"), True),
        # Its own.
        (left(FORMER, "new"), False),
        (settings(record=FORMER), False),
        # Its own, from before backups began anew.
        (
            left(
                Record(archive="orders-99999999-7300000000000000001", last_backup=LAST, former=(FORMER,)),
                "new",
            ),
            False,
        ),
        (left(Record(archive=OURS), "new"), False),
    ],
    ids=["both", "no data yet", "untouched", "own", "an earlier release's", "own, two archives", "none"],
)
def test_a_deletion_takes_no_backup_of_a_former_database_along(settings: Manifest, others: bool) -> None:  # noqa: FBT001
    assert gone(settings) == ({"orders-app"} if others else EVERYTHING)


REMEMBERED = Record(
    archive=ARCHIVE, contents=HELD, read=LAST, last_backup=LAST, volume="first", requests=("asked",)
)
SAME_DATA = Leadership("orders-0", initialized=True, identifier=ARCHIVE.rpartition("-")[2])


def running(*manifests: Manifest, record: Record = REMEMBERED) -> ObservedState:
    calm = settled(intent(database()), observed(members(1), leadership=SAME_DATA))
    return around(calm, *manifests, of=left(record, "new"))


def test_on_another_volume_there_is_no_backup_and_one_is_made_at_once() -> None:
    done = job("orders-backup-1", "Complete")
    same, other = claim(), claim("second", MADE_ANEW)
    before = told(database(last=LAST), running(same, done, pod(done, made())))
    assert backed_up(before)[:2] == ("True", "BackupRecent")
    state = running(other, done, pod(done, made()))
    after = told(database(last=LAST), state)
    gone = f"the repository's volume was made anew at {MADE_ANEW}, so there is no backup"
    then = "the next is made at once"
    assert backed_up(after) == ("False", "RepositoryReplaced", f"{gone}; {then}")
    assert "backups" not in after
    assert [event[:2] for event in transitions(before, after)] == [("Warning", "RepositoryReplaced")]
    writes = written(database(), state)
    assert "orders-backup-first" in writes
    assert recorded(writes["orders-backup"]).requests == ("asked",)


def test_the_next_backup_on_another_volume_counts() -> None:
    noted = recorded(written(database(), running(claim("second", MADE_ANEW)))["orders-backup"])
    done = job("orders-backup-first", "Complete")
    state = running(claim("second", MADE_ANEW), done, pod(done, made("2026-07-01T12:01:05Z")), record=noted)
    assert backed_up(told(database(last=LAST), state))[:2] == ("True", "BackupRecent")
    again = running(claim("second", MADE_ANEW), record=recorded(written(database(), state)["orders-backup"]))
    assert "orders-backup-first" not in written(database(), again)


def test_what_was_told_of_another_volume_is_over_with_the_next_backup() -> None:
    remade = Record(archive=ARCHIVE, last_backup=LAST, volume="second", remade="2026-07-01T01:00:00Z")
    anew = settings("orders-99999999-7300000000000000001", record=remade)
    state = around(running(claim("second")), of=anew)
    assert backed_up(told(database(last=LAST), state))[:2] == ("False", "FirstBackup")


def test_a_claim_that_is_not_there_or_goes_is_no_other_volume() -> None:
    ending = claim("second", MADE_ANEW)
    ending["metadata"]["deletionTimestamp"] = MADE_ANEW
    for state in (running(), running(ending), running(claim(), record=FORMER)):
        assert backed_up(told(database(last=LAST), state))[:2] == ("True", "BackupRecent")


def test_backups_that_begin_anew_are_none_before_the_first() -> None:
    """With a schedule again, the archive is another one: what is in the former says nothing about it."""
    anew = Record(archive="orders-99999999-7300000000000000001", former=(FORMER,))
    found = settings(anew.archive, record=anew)
    state = around(running(claim()), of=found)
    assert backed_up(told(database(last=LAST), state))[:2] == ("False", "FirstBackup")
