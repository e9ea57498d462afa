from __future__ import annotations

from typing import Any

import pytest

from controller.actions import SetFinalizers
from controller.farewell import departing, farewell
from controller.plan import FINALIZER
from controller.world import World

UNREADABLE = {"replicas": "many", "storage": []}


def manifest(spec: object) -> dict[str, Any]:
    metadata = {"name": "orders", "namespace": "shop", "uid": "uid", "finalizers": [FINALIZER, "theirs"]}
    return {
        "apiVersion": "keddah.dev/v1alpha1",
        "kind": "PostgreSQLDatabase",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.mark.parametrize(
    "spec",
    [UNREADABLE, {**UNREADABLE, "deletionPolicy": "delete"}, {"deletionPolicy": ["Delete"]}, None, "x"],
)
def test_an_object_that_cannot_be_read_goes_and_keeps_its_data(spec: object) -> None:
    chosen = farewell(departing(manifest(spec)), World())
    assert chosen.actions == (SetFinalizers(("theirs",), "deletionPolicy Retain"),)


def test_an_object_that_cannot_be_read_but_says_delete_takes_its_data_along() -> None:
    db = departing(manifest({**UNREADABLE, "deletionPolicy": "Delete"}))
    assert db.spec.deletion_policy == "Delete"
    assert (db.metadata.uid, db.metadata.finalizers) == ("uid", [FINALIZER, "theirs"])


def test_an_object_that_can_be_read_is_read_whole() -> None:
    assert departing(manifest({"replicas": 2, "deletionPolicy": "Delete"})).spec.replicas == 2
