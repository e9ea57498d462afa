from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from controller.observe.drift import drift, stamp
from controller.observe.ownership import foreign_owner

SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "orders", "labels": {"keddah.dev/database": "orders"}},
    "spec": {
        "selector": {"keddah.dev/role": "primary"},
        "ports": [{"name": "postgresql", "port": 5432}],
    },
}


def live() -> dict[str, Any]:
    """Give the Service as an API server stores it: with defaults that we never set."""
    stored = deepcopy(stamp(SERVICE))
    stored["metadata"]["uid"] = "u"
    stored["spec"]["clusterIP"] = "192.0.2.1"
    stored["spec"]["ports"][0]["protocol"] = "TCP"
    return stored


def test_defaults_of_the_api_server_are_no_drift() -> None:
    assert drift(stamp(SERVICE), live()) is None


def test_another_value_is_drift_and_is_named() -> None:
    stored = live()
    stored["spec"]["ports"][0]["port"] = 5433
    assert drift(stamp(SERVICE), stored) == "spec.ports[postgresql].port"


def test_one_more_label_in_a_selector_is_drift() -> None:
    stored = live()
    stored["spec"]["selector"]["app"] = "theirs"
    assert drift(stamp(SERVICE), stored) == "spec.selector"


def test_one_more_label_on_the_object_is_none_of_our_business() -> None:
    stored = live()
    stored["metadata"]["labels"]["team"] = "shop"
    assert drift(stamp(SERVICE), stored) is None


def test_a_field_that_we_no_longer_set_is_drift_by_the_stamp() -> None:
    smaller = deepcopy(SERVICE)
    del smaller["spec"]["ports"]
    assert drift(stamp(smaller), live()) == "metadata.annotations.keddah.dev/applied"


def test_a_longer_list_of_rules_is_drift() -> None:
    role = {"kind": "Role", "metadata": {"name": "r"}, "rules": [{"verbs": ["get"]}]}
    stored = deepcopy(stamp(role))
    stored["rules"].append({"verbs": ["*"]})
    assert drift(stamp(role), stored) == "rules"


@pytest.mark.parametrize(("mine", "theirs"), [("1000m", "1"), ("1024Mi", "1Gi"), (1, "1")])
def test_two_spellings_of_one_quantity_are_no_drift(mine: str | int, theirs: str) -> None:
    assert drift({"limits": {"cpu": mine}}, {"limits": {"cpu": theirs}}) is None


def test_empty_fields_that_the_api_server_drops_are_no_drift() -> None:
    assert drift({"spec": {"volume": {"emptyDir": {}}, "env": []}}, {"spec": {"volume": {}}}) is None


def test_a_missing_map_is_drift() -> None:
    assert drift({"spec": {"a": {"b": 1}}}, {"spec": {}}) == "spec.a"


@pytest.mark.parametrize(
    ("metadata", "ours"),
    [
        ({"ownerReferences": [{"controller": True, "uid": "me", "kind": "K", "name": "n"}]}, True),
        ({"ownerReferences": [{"controller": True, "uid": "other", "kind": "K", "name": "n"}]}, False),
        ({"labels": {"keddah.dev/database": "orders"}}, True),
        ({"labels": {"keddah.dev/database": "bills"}}, False),
        ({"annotations": {"keddah.dev/applied": "x"}}, True),
        ({}, False),
    ],
)
def test_a_child_is_ours_by_owner_or_by_mark(metadata: dict[str, Any], *, ours: bool) -> None:
    assert (foreign_owner({"metadata": metadata}, "orders", "me") is None) is ours
