from __future__ import annotations

from typing import Any

import pytest

from controller.observe.ownership import foreign, part
from controller.observe.state import ObservedState
from controller.plan.actions import SetFinalizers
from controller.plan.deletion import finalize
from controller.plan.planner import FINALIZER
from tests.factory import typed_database


def labelled(name: str, /, **owner: str) -> dict[str, Any]:
    references = [{"controller": True, "uid": "u", **owner}] if owner else []
    labels = {"keddah.dev/database": "orders"}
    return {"metadata": {"name": name, "uid": "v", "labels": labels, "ownerReferences": references}}


@pytest.mark.parametrize(
    ("kind", "manifest"),
    [
        ("Pod", labelled("orders-0", kind="StatefulSet", name="orders")),
        ("Pod", labelled("orders-12")),
        ("PersistentVolumeClaim", labelled("data-orders-2")),
        ("ConfigMap", labelled("orders-leader")),
        ("ConfigMap", labelled("orders-config")),
        ("StatefulSet", labelled("orders")),
        ("Service", labelled("orders-ro")),
    ],
)
def test_what_the_database_is_made_of_is_part_of_it(kind: str, manifest: dict[str, Any]) -> None:
    assert part(kind, manifest, "orders")


@pytest.mark.parametrize(
    ("kind", "manifest"),
    [
        ("Pod", labelled("orders-client-7f9c")),
        ("Pod", labelled("orders-01")),
        ("Pod", labelled("orders-0", kind="StatefulSet", name="other")),
        ("Pod", labelled("orders-0", kind="Job", name="orders")),
        ("PersistentVolumeClaim", labelled("orders-dumps")),
        ("PersistentVolumeClaim", labelled("data-orders-0-0")),
        ("ConfigMap", labelled("orders-dashboard")),
        ("StatefulSet", labelled("alpha")),
    ],
)
def test_what_somebody_else_labelled_is_no_part_of_the_database(kind: str, manifest: dict[str, Any]) -> None:
    assert not part(kind, manifest, "orders")


def test_finalization_does_not_wait_for_what_belongs_to_somebody_else() -> None:
    db = typed_database(deletionPolicy="Delete")
    db.metadata.finalizers.append(FINALIZER)
    theirs = {"kind": "ConfigMap", **labelled("orders-sync", kind="Tool", name="other")}
    around = ObservedState(children={"ConfigMap": {"orders-sync": theirs}})
    assert finalize(db, around).actions == (SetFinalizers((), "everything is deleted"),)


def test_a_secret_of_another_database_whose_name_begins_alike_is_that_ones() -> None:
    db = typed_database("orders", "default")
    secret = {"kind": "Secret", **labelled("orders-role-app")}
    assert foreign(db, secret) is None
    secret["metadata"]["labels"]["keddah.dev/database"] = "orders-role"
    told = foreign(db, secret)
    assert told is not None
    assert told.startswith("Secret orders-role-app belongs to PostgreSQLDatabase orders-role")
