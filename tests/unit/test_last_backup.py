"""Deletion with a last backup: nothing goes before it is made, and it stays with what opens it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.kube.objects import Manifest
from controller.observe.backups.record import Record, recorded
from controller.observe.restore.source import outlived
from controller.observe.state import Leadership, ObservedState
from controller.plan.actions import Apply, Delete
from controller.plan.deletion import finalize
from controller.plan.ending import Ending
from controller.plan.planner import FINALIZER
from controller.protocol.settings import Reason
from schemas.api.types import PostgreSQLDatabase, decode
from tests.factory import complete_database
from tests.runs import ARCHIVE, HELD, around, failed, job, made, pod, settings
from tests.states import intent, members, observed, settled

DELETED = "2026-07-01T02:00:00Z"
IDENTIFIER = ARCHIVE.rpartition("-")[2]


def deleted(**spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    wish = {
        "deletionPolicy": "Delete",
        "backupSchedule": "0 2 * * *",
        "backup": {"finalBackup": True},
        **spec,
    }
    manifest = complete_database(**wish)
    manifest["metadata"] |= {"deletionTimestamp": DELETED, "finalizers": [FINALIZER]}
    return decode(manifest)


def state(*manifests: Manifest, of: Manifest | None = None) -> ObservedState:
    """Give a database that serves, with these Jobs and pods."""
    calm = settled(intent(deleted()), observed(members(1)))
    lead = replace(calm.leadership, identifier=IDENTIFIER)
    return around(replace(calm, leadership=lead), *manifests, of=of, ready=False)


def ended(said: Any, kind: str = "Complete") -> tuple[Manifest, Manifest]:  # noqa: ANN401
    last = job("orders-backup-last", kind)
    return last, pod(last, said)


def test_the_last_backup_is_made_before_anything_is_deleted() -> None:
    chosen = finalize(deleted(), state())
    assert [str(action) for action in chosen.actions] == ["apply Job orders-backup-last"]
    waiting = finalize(deleted(), state(job("orders-backup-last")))
    assert waiting.actions == ()
    assert "is being made" in waiting.outcome.message


def test_one_that_fails_is_told_with_the_way_out_and_keeps_the_data() -> None:
    chosen = finalize(
        deleted(), state(*ended(failed(Reason.REPOSITORY_FULL, "2026-07-01T02:00:05Z"), "Failed"))
    )
    assert chosen.actions == ()
    assert "RepositoryFull" in chosen.outcome.message
    assert "finalBackup to false" in chosen.outcome.message


def test_without_a_primary_the_data_stays() -> None:
    chosen = finalize(deleted(), replace(state(), leadership=Leadership(None, identifier=IDENTIFIER)))
    assert chosen.actions == ()
    assert "needs a primary" in chosen.outcome.message


@pytest.mark.parametrize("spec", [{"backup": {"finalBackup": False}}, {"deletionPolicy": "Retain"}])
def test_who_asks_for_none_gets_none(spec: dict[str, Any]) -> None:
    chosen = finalize(deleted(**spec), state())
    assert not any(isinstance(action, Apply) for action in chosen.actions)
    assert chosen.actions


def test_what_sleeps_says_that_nothing_wakes_it() -> None:
    """Admission refuses to delete it; the webhooks may not have been there."""
    chosen = finalize(deleted(hibernated=True), replace(state(), leadership=Leadership(None)))
    assert chosen.actions == ()
    assert "none starts while hibernated is true" in chosen.outcome.message


def test_where_no_backups_are_declared_nothing_goes_without_the_last() -> None:
    """Admission refuses this; an object may be from before it did."""
    chosen = finalize(deleted(backupSchedule=""), state())
    assert chosen.actions == ()
    assert "finalBackup to false" in chosen.outcome.message


def test_it_is_remembered_and_then_the_instances_go() -> None:
    """What a new database knows of the archive is on the ConfigMap, and not on the Job."""
    live = state(*ended(made()))
    (write,) = finalize(deleted(), live).actions
    assert isinstance(write, Apply)
    assert recorded(write.manifest).last_backup == "2026-07-01T02:00:05Z"
    kinds = {kind: dict(found) for kind, found in live.children.items()}
    kinds["ConfigMap"]["orders-backup"] = write.manifest
    chosen = finalize(deleted(), replace(live, children=kinds))
    assert chosen.actions
    assert {str(action) for action in chosen.actions} == {"delete StatefulSet orders"}


def test_a_backup_from_before_the_deletion_is_not_the_last() -> None:
    before = Record(archive=ARCHIVE, contents=HELD, last_backup="2026-07-01T01:59:59Z")
    chosen = finalize(deleted(), state(of=settings(record=before)))
    assert [str(action) for action in chosen.actions] == ["apply Job orders-backup-last"]


def left(db: PostgreSQLDatabase) -> Ending:
    def named(kind: str, name: str) -> Manifest:
        metadata = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}
        return {"kind": kind, "metadata": metadata | {"labels": {"keddah.dev/database": "orders"}}}

    children: dict[str, dict[str, Manifest]] = {}
    for kind, name in (
        ("PersistentVolumeClaim", "data-orders-0"),
        ("PersistentVolumeClaim", "repository-orders-repository-0"),
        ("ConfigMap", "orders-config"),
        ("ConfigMap", "orders-backup"),
        ("Secret", "orders-keys"),
        ("Secret", "orders-encryption"),
        ("Secret", "orders-app"),
    ):
        children.setdefault(kind, {})[name] = named(kind, name)
    return finalize(db, ObservedState(children=children))


def test_the_repository_stays_with_what_opens_it() -> None:
    gone = {action.name for action in left(deleted()).actions if isinstance(action, Delete)}
    assert gone == {"data-orders-0", "orders-config", "orders-app"}
    everything = left(deleted(backup={"finalBackup": False}))
    assert len(everything.actions) == 7


def test_what_is_left_can_be_restored_from() -> None:
    found = outlived("orders", settings(record=Record(archive=ARCHIVE, contents=HELD)))
    assert found is not None
    assert found.metadata.namespace == "shop"
    assert outlived("orders", settings(bucket=True)) is None
    assert outlived("orders", None) is None
