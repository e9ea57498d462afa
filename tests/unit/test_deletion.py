from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from controller.desired import names
from controller.kube.objects import Manifest
from controller.observe.drift import stamp
from controller.observe.state import Node, ObservedState
from controller.plan.actions import Delete, SetFinalizers
from controller.plan.credentials import credentials
from controller.plan.deletion import decode_deleted, finalize
from controller.plan.ending import Ending
from controller.plan.outcome import Done, Waiting
from controller.plan.planner import FINALIZER
from schemas.api.types import API_VERSION, KIND, PostgreSQLDatabase
from tests.factory import typed_database
from tests.runs import job
from tests.states import intent, members, observed, settled

UNREADABLE = {"replicas": "many", "storage": []}


def manifest(spec: object) -> dict[str, Any]:
    metadata = {"name": "orders", "namespace": "shop", "uid": "uid", "finalizers": [FINALIZER, "theirs"]}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    "spec",
    [UNREADABLE, {**UNREADABLE, "deletionPolicy": "delete"}, {"deletionPolicy": ["Delete"]}, None, "x"],
)
def test_deleting_an_unreadable_object_retains_its_data(spec: object) -> None:
    chosen = finalize(decode_deleted(manifest(spec)), ObservedState())
    assert chosen.actions == (SetFinalizers(("theirs",), "deletionPolicy Retain"),)


def test_deleting_an_unreadable_object_with_policy_delete_deletes_its_data() -> None:
    db = decode_deleted(manifest({**UNREADABLE, "deletionPolicy": "Delete"}))
    assert db.spec.deletion_policy == "Delete"
    assert (db.metadata.uid, db.metadata.finalizers) == ("uid", [FINALIZER, "theirs"])


def test_a_readable_object_is_decoded_completely() -> None:
    assert decode_deleted(manifest({"replicas": 2, "deletionPolicy": "Delete"})).spec.replicas == 2


def with_finalizer(db: PostgreSQLDatabase, *others: str) -> PostgreSQLDatabase:
    return with_finalizers(db, FINALIZER, *others)


def with_finalizers(db: PostgreSQLDatabase, *finalizers: str) -> PostgreSQLDatabase:
    return PostgreSQLDatabase(metadata=structs.replace(db.metadata, finalizers=[*finalizers]), spec=db.spec)


def disowned(around: ObservedState) -> ObservedState:
    """Give the state after the garbage collector has released every child from the database's ownership."""

    def without(child: dict[str, Any]) -> dict[str, Any]:
        metadata = {key: value for key, value in child["metadata"].items() if key != "ownerReferences"}
        return {**child, "metadata": metadata}

    children = {
        kind: {name: without(child) for name, child in found.items()}
        for kind, found in around.children.items()
    }
    return replace(around, children=children)


def test_finalization_deletes_pods_then_data_then_the_finalizer() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Delete", replicas=2))
    around = settled(intent(db), observed(members(2)))
    assert [str(a) for a in finalize(db, around).actions] == ["delete StatefulSet orders"]
    without = {k: v for k, v in around.children.items() if k != "StatefulSet"}
    ending = replace(around, children=without)
    assert finalize(db, ending) == Ending(
        (), Waiting(30, "Deleting", "waiting for orders-0, orders-1 to stop")
    )
    empty = replace(ending, instances=())
    assert {a.kind for a in finalize(db, empty).actions if isinstance(a, Delete)} == {"ConfigMap"}
    bare = replace(empty, children={})
    assert finalize(db, bare).actions == (SetFinalizers((), "everything is deleted"),)


def test_jobs_go_with_the_instances_for_their_pods_hold_the_repository() -> None:
    """Those of a CronJob go with it, whoever made them from it; what somebody else owns stays."""
    db = with_finalizer(typed_database(deletionPolicy="Delete"))

    def owned_by(kind: str, uid: str, name: str) -> dict[str, Any]:
        made = job(name, "Complete")
        made["metadata"]["ownerReferences"] = [{"uid": uid, "kind": kind, "name": "x", "controller": True}]
        return made

    first = owned_by(KIND, db.metadata.uid, "orders-backup-first")
    cronjob = {**owned_by(KIND, db.metadata.uid, "orders-backup"), "kind": "CronJob"}
    going = owned_by(KIND, db.metadata.uid, "going")
    going["metadata"]["deletionTimestamp"] = "2026-07-01T02:00:00Z"
    jobs = {"first": first, "now": owned_by("CronJob", "u", "now"), "going": going}
    calm = settled(intent(db), observed(members(1)))
    around = replace(calm, children={**calm.children, "CronJob": {"c": cronjob}, "Job": jobs})
    chosen = finalize(db, around)
    assert [str(action) for action in chosen.actions] == [
        "delete StatefulSet orders",
        "delete CronJob orders-backup",
        "delete Job orders-backup-first",
    ]
    assert chosen.outcome.message == "the instances are being stopped"
    servers = {kind: found for kind, found in around.children.items() if kind != "StatefulSet"}
    later = finalize(db, replace(around, children=servers)).outcome.message
    assert later == "the Jobs of the backups are being deleted"


def test_a_claim_that_stays_is_told_with_the_pods_that_may_use_it() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Delete"))
    labels = {"keddah.dev/database": "orders"}
    metadata = {"name": "c", "namespace": "shop", "uid": "u", "deletionTimestamp": "2026-07-01T02:00:00Z"}
    held = {"kind": "PersistentVolumeClaim", "metadata": {**metadata, "labels": labels}}
    children: dict[str, dict[str, Manifest]] = {
        "PersistentVolumeClaim": {"c": held},
        "Pod": {"orders-backup-first-x": {}},
    }
    left = finalize(db, ObservedState(children=children))
    assert left.actions == ()
    assert left.outcome.message == (
        "still to be deleted: PersistentVolumeClaim c; claims wait for the pods that use them, of which there"
        " are still: orders-backup-first-x"
    )
    theirs = finalize(db, ObservedState(children={"PersistentVolumeClaim": {"c": held}})).outcome
    assert theirs.message.endswith("none of them is keddah's: kubectl describe pvc c -n shop names them")


def test_finalization_takes_the_copy_of_the_keys_along() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Delete"))
    wanted = credentials(
        db,
        ObservedState(),
        operator="keddah-system",
        cluster_domain="cluster.local",
        now=datetime.now(UTC),
        entropy=bytes,
    )
    secrets = {
        m["metadata"]["name"]: {**m, "metadata": m["metadata"] | {"uid": "u", "resourceVersion": "1"}}
        for m in wanted
    }
    stamped = {name: stamp(secret) for name, secret in secrets.items()}
    around = ObservedState(children={"Secret": stamped})
    where = {a.name: a.namespace for a in finalize(db, around).actions if isinstance(a, Delete)}
    assert where.pop("keys.shop.orders") == "keddah-system"
    assert where == dict.fromkeys((*names.secrets("orders"), "orders-repository-tls"), "shop")


def test_finalization_of_a_retained_database_deletes_nothing() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Retain"))
    around = settled(intent(db), observed(members(2)))
    assert finalize(db, around).actions == (SetFinalizers((), "deletionPolicy Retain"),)


KEPT = "the deletion leaves all children behind (cascade=orphan)"


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_deletion_that_orphans_the_children_deletes_none_of_them_whatever_the_policy(policy: str) -> None:
    db = typed_database(deletionPolicy=policy)
    around = settled(intent(with_finalizer(db)), observed(members(2)))
    first = finalize(with_finalizer(db, "orphan"), around)
    assert first.actions == (SetFinalizers(("orphan",), KEPT),)
    assert first.outcome.reason == "Deleting"
    # The garbage collector may have been quicker: then only the children tell.
    later = finalize(with_finalizer(db), disowned(around))
    assert later == Ending((SetFinalizers((), KEPT),), Done("Deleted", "nothing holds the object any more"))


def test_a_child_of_somebody_else_is_no_sign_of_orphans() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Delete"))
    around = replace(disowned(settled(intent(db), observed())), instances=())
    taken = around.children["StatefulSet"]["orders"]
    taken["metadata"]["ownerReferences"] = [{"uid": "theirs", "kind": "X", "name": "x", "controller": True}]
    assert [str(action) for action in finalize(db, around).actions] == [
        "delete ConfigMap orders-config",
        "delete ConfigMap orders-backup",
    ]


def test_every_deletion_names_the_version_that_was_seen() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Delete"))
    [first] = finalize(db, settled(intent(db), observed(members(2)))).actions
    assert first == Delete(
        "StatefulSet", "orders", "uid-StatefulSet-orders", "7", "deletionPolicy Delete", "shop"
    )


@pytest.mark.parametrize(
    ("finalizers", "instances", "said"),
    [
        (("foregroundDeletion",), 2, "waiting for orders-0, orders-1 to stop; not Ready: node-1. Kubernetes"),
        (("foregroundDeletion",), 0, "Kubernetes deletes what the object owns before the object"),
        (("example.com/hold", "orphan"), 2, "finalizers of others hold the object: example.com/hold, orphan"),
    ],
)
def test_an_object_that_stays_says_what_holds_it(
    finalizers: tuple[str, ...], instances: int, said: str
) -> None:
    around = observed(members(instances), nodes={f"node-{n}": Node(n == 0, cordoned=False) for n in range(2)})
    outcome = finalize(with_finalizers(typed_database(), *finalizers), around).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.reason == "Deleting"
    assert outcome.message.startswith(said)
