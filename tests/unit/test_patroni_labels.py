"""Patroni's ConfigMaps of which somebody took a label off: they are the database's, and get it back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.desired import labels
from controller.observe.ownership import foreign
from controller.plan.actions import Apply
from controller.plan.planner import plan
from tests.factory import typed_database
from tests.states import intent, members, observed, settled

WHOLE = labels.patroni("orders")


def config_map(name: str, found: dict[str, str]) -> dict[str, object]:
    metadata = {"name": name, "namespace": "default", "labels": found}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def written(name: str, found: dict[str, str]) -> list[Apply]:
    wish = intent(replicas=2)
    around = settled(wish, observed(members(2)))
    maps = {**around.children.get("ConfigMap", {}), name: config_map(name, found)}
    chosen = plan(wish, replace(around, children={**around.children, "ConfigMap": maps}))
    return [a for a in chosen.actions if isinstance(a, Apply) and a.manifest["metadata"]["name"] == name]


@pytest.mark.parametrize("name", ["orders-leader", "orders-sync", "orders-failover"])
@pytest.mark.parametrize("lost", list(WHOLE))
def test_a_label_that_is_lost_is_written_again_and_nothing_else(name: str, lost: str) -> None:
    (write,) = written(name, {key: value for key, value in WHOLE.items() if key != lost})
    assert write.manifest["metadata"]["labels"] == WHOLE
    assert write.manifest.keys() == {"apiVersion", "kind", "metadata"}


def test_what_has_its_labels_is_left_to_patroni() -> None:
    assert written("orders-leader", WHOLE | {"mine": "x"}) == []


def test_what_has_neither_is_somebody_elses() -> None:
    assert written("orders-leader", {}) == []
    assert foreign(typed_database(), config_map("orders-leader", {})) is not None
    assert foreign(typed_database(), config_map("orders-leader", {labels.SCOPE: "orders"})) is None
