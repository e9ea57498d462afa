from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.observe.world import World
from controller.plan.actions import Delete, SetFinalizers
from controller.plan.deletion import decode_deleted, finalize
from controller.plan.planner import FINALIZER
from schemas.types import API_VERSION, KIND, PostgreSQLDatabase
from tests.factory import typed_database
from tests.worlds import intent, members, settled, world

UNREADABLE = {"replicas": "many", "storage": []}


def manifest(spec: object) -> dict[str, Any]:
    metadata = {"name": "orders", "namespace": "shop", "uid": "uid", "finalizers": [FINALIZER, "theirs"]}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    "spec",
    [UNREADABLE, {**UNREADABLE, "deletionPolicy": "delete"}, {"deletionPolicy": ["Delete"]}, None, "x"],
)
def test_deleting_an_unreadable_object_retains_its_data(spec: object) -> None:
    chosen = finalize(decode_deleted(manifest(spec)), World())
    assert chosen.actions == (SetFinalizers(("theirs",), "deletionPolicy Retain"),)


def test_deleting_an_unreadable_object_with_policy_delete_deletes_its_data() -> None:
    db = decode_deleted(manifest({**UNREADABLE, "deletionPolicy": "Delete"}))
    assert db.spec.deletion_policy == "Delete"
    assert (db.metadata.uid, db.metadata.finalizers) == ("uid", [FINALIZER, "theirs"])


def test_a_readable_object_is_decoded_completely() -> None:
    assert decode_deleted(manifest({"replicas": 2, "deletionPolicy": "Delete"})).spec.replicas == 2


def with_finalizer(db: PostgreSQLDatabase) -> PostgreSQLDatabase:
    metadata = db.metadata.__class__(
        **{f: getattr(db.metadata, f) for f in db.metadata.__struct_fields__} | {"finalizers": [FINALIZER]}
    )
    return PostgreSQLDatabase(metadata=metadata, spec=db.spec)


def test_finalization_deletes_pods_then_data_then_the_finalizer() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Delete"))
    around = settled(intent(db), world(members(2)))
    assert [str(a) for a in finalize(db, around).actions] == ["delete StatefulSet orders"]
    without = {k: v for k, v in around.children.items() if k != "StatefulSet"}
    ending = replace(around, children=without)
    assert finalize(db, ending).actions == ()
    empty = replace(ending, instances=())
    assert {a.kind for a in finalize(db, empty).actions if isinstance(a, Delete)} == {"ConfigMap"}
    bare = replace(empty, children={})
    assert finalize(db, bare).actions == (SetFinalizers((), "everything is deleted"),)


def test_finalization_of_a_retained_database_deletes_nothing() -> None:
    db = with_finalizer(typed_database(deletionPolicy="Retain"))
    around = settled(intent(db), world(members(2)))
    assert finalize(db, around).actions == (SetFinalizers((), "deletionPolicy Retain"),)
