"""The repository in the plan: what there is of it when, and what outlives what."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from controller.desired import labels
from controller.desired.repository import children
from controller.kube.objects import Manifest
from controller.observe.backups.record import Record, recorded
from controller.observe.drift import stamp
from controller.observe.ownership import part
from controller.observe.state import Leadership, ObservedState, StorageClass
from controller.plan.actions import Apply, Delete, GrowClaim
from controller.plan.credentials import credentials
from controller.plan.deletion import finalize
from controller.plan.outcome import Done
from controller.plan.planner import FINALIZER, plan
from controller.plan.repository import renewed
from controller.plan.situation import Intent
from controller.protocol.settings import Settings
from schemas.api.types import PostgreSQLDatabase, decode
from tests.factory import complete_database, typed_database
from tests.states import intent, members, observed, settled

IDENTIFIER = "7300000000000000001"
BUCKET = {"repository": {"s3": {"bucket": "backups", "endpoint": "s3.example"}}}
INITIALISED = Leadership("orders-0", initialized=True, identifier=IDENTIFIER)


def wish(**spec: Any) -> Intent:  # noqa: ANN401
    """Give an intent with Secrets, as in the first reconciles."""
    whole = intent(**spec)
    secrets = credentials(
        whole.db,
        ObservedState(),
        operator="keddah-system",
        cluster_domain="cluster.local",
        now=datetime(2026, 11, 29, tzinfo=UTC),
        entropy=lambda size: bytes(range(size)),
    )
    return replace(whole, secrets=secrets)


def applied(given: Intent, around: ObservedState) -> dict[tuple[str, str], Manifest]:
    found = [a.manifest for a in plan(given, around).actions if isinstance(a, Apply)]
    return {(m["kind"], m["metadata"]["name"]): m for m in found}


def archive(writes: dict[tuple[str, str], Manifest]) -> str:
    text = writes["ConfigMap", "orders-backup"]["data"]["settings.json"]
    return str(json.loads(text)["archive"])


def running(given: Intent, **changes: Any) -> ObservedState:  # noqa: ANN401
    around = observed(members(1), leadership=INITIALISED)
    return replace(settled(given, around), **changes)


def with_child(around: ObservedState, kind: str, manifest: Manifest) -> ObservedState:
    found = {**around.children.get(kind, {}), manifest["metadata"]["name"]: manifest}
    return replace(around, children={**around.children, kind: found})


def test_before_there_is_data_nothing_is_archived_and_there_is_nothing_to_serve() -> None:
    writes = applied(wish(), ObservedState())
    assert archive(writes) == ""
    assert ("StatefulSet", "orders-repository") not in writes
    assert ("Service", "orders-repository") in writes


def test_the_archive_is_named_once_there_is_data_and_then_its_server_starts() -> None:
    writes = applied(wish(), observed(members(1), leadership=INITIALISED))
    assert archive(writes).endswith(IDENTIFIER)
    assert writes["StatefulSet", "orders-repository"]["spec"]["replicas"] == 1


def test_later_reconciles_need_no_keys_to_name_it() -> None:
    first = applied(wish(), ObservedState())["ConfigMap", "orders-backup"]
    around = observed(members(1), leadership=INITIALISED)
    noted = with_child(around, "ConfigMap", first)
    without_keys = replace(wish(), secrets=())
    assert archive(applied(without_keys, noted)) == archive(applied(wish(), around))
    # Somebody deleted it: it is written again only once the keys have been read.
    assert ("ConfigMap", "orders-backup") not in applied(without_keys, around)


def test_an_archive_keeps_its_name_with_its_data_and_new_data_gets_another() -> None:
    around = observed(members(1), leadership=INITIALISED)
    first = applied(wish(), around)["ConfigMap", "orders-backup"]
    other = replace(INITIALISED, identifier="7300000000000000002")
    again = applied(wish(), with_child(replace(around, leadership=other), "ConfigMap", first))
    assert archive(again).endswith(other.identifier)
    lost = {**first, "metadata": {**first["metadata"], "annotations": {}}}
    kept = applied(replace(wish(), secrets=()), with_child(around, "ConfigMap", lost))
    assert ("ConfigMap", "orders-backup") not in kept or archive(kept).endswith(IDENTIFIER)


def test_what_is_remembered_of_backups_is_kept() -> None:
    around = observed(members(1), leadership=INITIALISED)
    live = applied(wish(), around)["ConfigMap", "orders-backup"]
    record = Record(
        archive=archive({("ConfigMap", "orders-backup"): live}), last_backup="2026-11-29T10:00:00Z"
    )
    live["metadata"]["annotations"]["keddah.dev/backups"] = record.text()
    again = applied(wish(backup={"retention": {"days": 3}}), with_child(around, "ConfigMap", live))
    assert recorded(again["ConfigMap", "orders-backup"]) == record


def test_a_release_of_keddah_that_waits_leaves_the_server_its_template(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    around, db = running(wish()), wish().db
    server = around.of(labels.REPOSITORY, "StatefulSet")["orders-repository"]
    unmarked = {**server, "metadata": {k: v for k, v in server["metadata"].items() if k != "annotations"}}
    of_before = with_child(around, "StatefulSet", unmarked)
    assert not renewed(db, db, around)
    assert not renewed(db, db, of_before)
    made, key = children.pod_template, ("StatefulSet", "orders-repository")

    def slower(db: PostgreSQLDatabase, image: str) -> Manifest:
        template = made(db, image)
        return {**template, "spec": {**template["spec"], "terminationGracePeriodSeconds": 31}}

    monkeypatch.setattr(children, "pod_template", slower)
    for each in (around, of_before):
        assert renewed(db, db, each)
        kept = applied(replace(wish(), repository_kept=True), each).get(key, server)
        assert kept["spec"]["template"] == server["spec"]["template"]
        written = applied(wish(), each)[key]
        assert written["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 31
        assert not renewed(db, db, with_child(each, "StatefulSet", written))
        # Its user's own word does not wait.
        assert not renewed(wish(template={"nodeSelector": {"disk": "ssd"}}).db, db, each)


def test_a_bucket_needs_no_server() -> None:
    writes = applied(wish(backup=BUCKET), observed(members(1), leadership=INITIALISED))
    assert not [name for _, name in writes if name == "orders-repository"]
    assert ("ServiceAccount", "orders-backup") in writes
    assert ("Secret", "orders-repository-tls") in writes


def test_without_a_schedule_there_is_nothing_of_it() -> None:
    writes = applied(wish(backupSchedule=""), observed(members(1), leadership=INITIALISED))
    assert not [name for _, name in writes if "backup" in name or "repository" in name]


@pytest.mark.parametrize("change", [{"hibernated": True}, {"backupSchedule": ""}], ids=str)
def test_the_server_goes_with_the_instances_or_the_schedule_and_its_volume_stays(
    change: dict[str, Any],
) -> None:
    around = running(wish())
    if "hibernated" in change:
        # It serves until the last instance has archived all of its WAL.
        assert ("StatefulSet", "orders-repository") not in applied(wish(**change), around)
        around = replace(around, instances=())
    server = applied(wish(**change), around)["StatefulSet", "orders-repository"]["spec"]
    assert server["replicas"] == 0
    assert server["persistentVolumeClaimRetentionPolicy"]["whenScaled"] == "Retain"


def test_what_is_restored_again_under_kept_keys_goes_into_another_archive() -> None:
    def named(uid: str, **spec: Any) -> str:  # noqa: ANN401
        whole = wish(**spec)
        db = structs.replace(whole.db, metadata=structs.replace(whole.db.metadata, uid=uid))
        return archive(applied(replace(whole, db=db), observed(members(1), leadership=INITIALISED)))

    copy = {"restore": {"from": {"name": "ledger"}}}
    assert named("one", **copy) == named("one", **copy) != named("two", **copy)
    # What is no copy has an identifier of its own each time, and its archive is told by its keys alone.
    assert named("one") == named("two")


def test_backups_that_begin_again_go_into_another_archive() -> None:
    around = running(wish())
    first = archive(applied(wish(), observed(members(1), leadership=INITIALISED)))
    ended = applied(wish(backupSchedule=""), around)["ConfigMap", "orders-backup"]
    assert archive({("ConfigMap", "orders-backup"): ended}) == ""
    without = with_child(around, "ConfigMap", stamp(ended))
    assert ("ConfigMap", "orders-backup") not in applied(wish(backupSchedule=""), without)
    again = archive(applied(replace(wish(), secrets=()), without))
    assert again.endswith(IDENTIFIER)
    assert again != first


def test_all_is_as_it_should_be_when_nothing_differs() -> None:
    # Kubernetes has nothing to correct, whichever of both is asked first.
    chosen = plan(wish(), running(wish()))
    assert not [a for a in chosen.actions if isinstance(a, Apply) and "repository" in str(a)]


def claimed(size: str) -> Manifest:
    return stamp(
        {
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": "repository-orders-repository-0",
                "namespace": "shop",
                "uid": "uid-claim",
                "resourceVersion": "5",
                "labels": labels.kept("orders", labels.REPOSITORY),
            },
            "spec": {"resources": {"requests": {"storage": size}}, "storageClassName": "fast"},
            "status": {"phase": "Bound", "capacity": {"storage": size}},
        }
    )


@pytest.mark.parametrize(
    ("size", "expandable", "grows"), [("5Gi", True, True), ("5Gi", False, False), ("20Gi", True, False)]
)
def test_its_volume_grows_and_never_shrinks(size: str, expandable: bool, grows: bool) -> None:  # noqa: FBT001
    around = running(wish(), storage_classes={"fast": StorageClass(expandable)})
    chosen = plan(wish(), with_child(around, "PersistentVolumeClaim", claimed(size)))
    found = [a for a in chosen.actions if isinstance(a, GrowClaim) and a.name.startswith("repository-")]
    assert [a.size for a in found] == (["10Gi"] if grows else [])


def test_the_repository_is_no_instance() -> None:
    around = with_child(running(wish()), "PersistentVolumeClaim", claimed("10Gi"))
    assert around.statefulset is not None
    assert around.statefulset["metadata"]["name"] == "orders"
    assert isinstance(plan(replace(wish(), secrets=()), running(wish())).outcome, Done)


@pytest.mark.parametrize(
    ("kind", "name", "ours"),
    [
        ("StatefulSet", "orders-repository", True),
        ("Pod", "orders-repository-0", True),
        ("Pod", "orders-repository-1", False),
        ("PersistentVolumeClaim", "repository-orders-repository-0", True),
        ("ConfigMap", "orders-backup", True),
        ("ConfigMap", "orders-dashboard", False),
    ],
)
def test_only_what_it_made_itself_is_taken_for_the_repositorys(kind: str, name: str, ours: bool) -> None:  # noqa: FBT001
    assert part(kind, {"metadata": {"name": name}}, "orders") is ours


def test_delete_ends_the_server_before_its_volume_and_retain_keeps_both() -> None:
    around = with_child(running(wish()), "PersistentVolumeClaim", claimed("10Gi"))
    gone = complete_database(deletionPolicy="Delete")
    gone["metadata"]["finalizers"] = [FINALIZER]
    first = finalize(decode(gone), around).actions
    ended = {"orders", "orders-repository", "orders-backup"}
    assert {a.name for a in first if isinstance(a, Delete)} == ended
    ending = ("StatefulSet", "CronJob")
    without = {kind: found for kind, found in around.children.items() if kind not in ending}
    second = finalize(decode(gone), replace(around, instances=(), children=without)).actions
    names = {a.name for a in second if isinstance(a, Delete)}
    assert {"repository-orders-repository-0", "orders-backup"} <= names


def test_the_settings_are_all_that_a_pod_needs() -> None:
    writes = applied(wish(replicas=3), observed(members(3), leadership=INITIALISED))
    read = Settings.read(writes["ConfigMap", "orders-backup"]["data"]["settings.json"])
    assert len(read.members) == 3
    assert typed_database().metadata.name in read.archive
