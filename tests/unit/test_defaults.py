"""Defaults: only what is absent, by name, once."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import cron, defaults
from schemas.policy import parse
from tests import factory

POLICY = factory.policy()
REQUESTS = {"cpu": "100m", "memory": "256Mi"}
FILLED = {
    "version": "17",
    "replicas": 1,
    "backupSchedule": "31 0 * * *",
    "storage": {"size": "10Gi"},
    "resources": {"requests": REQUESTS},
}


@pytest.mark.parametrize("spec", [{}, {"spec": {}}, {"spec": None}])
def test_a_database_that_says_nothing_gets_everything(spec: dict[str, Any]) -> None:
    manifest = factory.database()
    del manifest["spec"]
    assert defaults.completed({**manifest, **spec}, POLICY)["spec"] == FILLED


def test_an_absent_spec_is_one_operation() -> None:
    manifest = {"metadata": {"name": "orders", "namespace": "shop"}}
    assert defaults.complete(manifest, POLICY) == [{"op": "add", "path": "/spec", "value": FILLED}]


def test_what_is_there_stays() -> None:
    given_spec = {
        "version": "18",
        "replicas": 3,
        "backupSchedule": "",
        "storage": {"size": "1Gi"},
        "resources": {"requests": {"cpu": 2, "memory": "1Gi"}},
    }
    assert defaults.complete(factory.database(**given_spec), POLICY) == []


@pytest.mark.parametrize("field", FILLED)
def test_null_is_absent(field: str) -> None:
    assert defaults.completed(factory.database(**{field: None}), POLICY)["spec"] == FILLED


@pytest.mark.parametrize(
    ("storage", "operations"),
    [
        ({}, [("/spec/storage/size", "10Gi")]),
        ({"size": None}, [("/spec/storage/size", "10Gi")]),
        ({"storageClassName": "fast"}, [("/spec/storage/size", "10Gi")]),
        ({"size": "1Gi"}, []),
        ("10Gi", []),
    ],
)
def test_storage_gets_a_size(storage: object, operations: list[tuple[str, object]]) -> None:
    assert _added(storage=storage) == operations


@pytest.mark.parametrize(
    ("resources", "operations"),
    [
        ({}, [("/spec/resources/requests", REQUESTS)]),
        ({"requests": None}, [("/spec/resources/requests", REQUESTS)]),
        ({"requests": {}}, [(f"/spec/resources/requests/{name}", REQUESTS[name]) for name in REQUESTS]),
        ({"requests": {"cpu": "1"}}, [("/spec/resources/requests/memory", "256Mi")]),
        ({"limits": {"memory": "512Mi"}}, [("/spec/resources/requests", {"cpu": "100m"})]),
        ({"limits": {"memory": "1Gi", "cpu": "1"}}, []),
        ({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}, []),
        ({"requests": [], "limits": {}}, []),
        ([], []),
    ],
)
def test_requests_are_filled_but_never_beside_a_limit(
    resources: object, operations: list[tuple[str, object]]
) -> None:
    assert _added(resources=resources) == operations


@pytest.mark.parametrize("spec", [[], "x", 3, True])
def test_a_spec_that_is_no_object_is_left_for_admission(spec: object) -> None:
    assert defaults.complete({"spec": spec}, POLICY) == []


def test_an_update_that_leaves_fields_out_keeps_what_is_stored() -> None:
    old = factory.complete_database(version="17.5", replicas=3, backupSchedule="", storage={"size": "20Gi"})
    spec = defaults.completed(factory.database(), POLICY, old)["spec"]
    assert spec == {**old["spec"], "resources": {"requests": REQUESTS}}


def test_an_old_object_without_fields_gets_the_policys() -> None:
    assert defaults.completed(factory.database(), POLICY, {"spec": None})["spec"] == FILLED


def test_an_object_without_a_name_yet_is_completed_and_stays_so() -> None:
    manifest = {"metadata": {"generateName": "orders-", "namespace": "shop"}, "spec": {}}
    once = defaults.completed(manifest, POLICY)
    named = {**once, "metadata": {**once["metadata"], "name": "orders-x2f4k"}}
    assert defaults.complete(named, POLICY) == []


def test_schedules_are_spread_over_the_window_by_namespace_and_name() -> None:
    schedules = {
        defaults.completed(factory.database(f"db-{number}", namespace), POLICY)["spec"]["backupSchedule"]
        for number in range(100)
        for namespace in ("shop", "lab")
    }
    hours = {int(schedule.split()[1]) for schedule in schedules}
    assert len(schedules) > 150
    assert hours == set(range(6))


def test_a_window_may_cross_midnight() -> None:
    late = parse(factory.POLICY.replace("startHour: 0, hours: 6", "startHour: 23, hours: 2"))
    schedules = [
        defaults.completed(factory.database(f"db-{number}"), late)["spec"]["backupSchedule"]
        for number in range(50)
    ]
    assert {schedule.split()[1] for schedule in schedules} == {"23", "0"}
    assert not any(cron.parse(schedule).never_fires for schedule in schedules)


NOTHING = object()
VALUES = st.sampled_from([NOTHING, None, {}, [], "", "17", 1, {"size": None}, {"requests": None}])
SPECS = st.dictionaries(st.sampled_from([*FILLED, "database", "a/b~c"]), VALUES)
MANIFESTS = st.builds(
    lambda spec, extra: {"metadata": {"name": "orders", "namespace": "shop"}, **extra, **spec},
    st.one_of(st.just({}), st.builds(lambda spec: {"spec": _present(spec)}, SPECS), st.just({"spec": None})),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def _present(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: deepcopy(value) for name, value in spec.items() if value is not NOTHING}


@settings(max_examples=50)
@given(MANIFESTS)
def test_twice_is_once(manifest: dict[str, Any]) -> None:
    once = defaults.completed(manifest, POLICY)
    assert defaults.complete(once, POLICY) == []


@settings(max_examples=50)
@given(MANIFESTS)
def test_the_patch_means_to_others_what_it_means_to_us(manifest: dict[str, Any]) -> None:
    operations = defaults.complete(manifest, POLICY)
    assert all(operation["op"] == "add" for operation in operations)
    assert jsonpatch.apply_patch(manifest, operations) == defaults.completed(manifest, POLICY)


@settings(max_examples=50)
@given(MANIFESTS)
def test_whatever_was_said_survives(manifest: dict[str, Any]) -> None:
    whole = defaults.completed(manifest, POLICY)
    spec = manifest.get("spec") or {}
    for name, value in spec.items():
        if value is None:
            continue
        if isinstance(value, dict):
            assert value.items() - {("size", None), ("requests", None)} <= whole["spec"][name].items()
        else:
            assert whole["spec"][name] == value
    assert {**whole, "spec": 0} == {**manifest, "spec": 0}


def _added(**spec: object) -> list[tuple[str, object]]:
    whole = {**FILLED, **spec}
    operations = defaults.complete(factory.database(**whole), POLICY)
    return [(operation["path"], operation["value"]) for operation in operations]
