"""Defaults: only what is absent, by name, once."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kubernetes.cron import schedule as cron
from schemas.policy import defaults
from schemas.policy.policy import parse
from tests import factory

POLICY = factory.policy()
REQUESTS = {"cpu": "100m", "memory": "256Mi"}
FILLED = {
    "version": "17",
    "replicas": 1,
    "backupSchedule": "31 0 * * *",
    "backup": {"verify": {"schedule": "31 3 * * 0"}},
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
        "backup": {"verify": {"schedule": ""}},
        "storage": {"size": "1Gi"},
        "resources": {"requests": {"cpu": 2, "memory": "1Gi"}},
    }
    assert defaults.complete(factory.database(**given_spec), POLICY) == []


@pytest.mark.parametrize("field", FILLED)
def test_null_is_absent(field: str) -> None:
    assert defaults.completed(factory.database(**{field: None}), POLICY)["spec"] == FILLED


@pytest.mark.parametrize(
    ("backup", "operations"),
    [
        ({}, [("/spec/backup/verify", {"schedule": "31 3 * * 0"})]),
        ({"verify": None}, [("/spec/backup/verify", {"schedule": "31 3 * * 0"})]),
        ({"verify": {}}, [("/spec/backup/verify/schedule", "31 3 * * 0")]),
        ({"verify": {"schedule": None}}, [("/spec/backup/verify/schedule", "31 3 * * 0")]),
        ({"verify": {"schedule": ""}}, []),
        ({"verify": []}, []),
        ([], []),
    ],
)
def test_verification_gets_a_schedule(backup: object, operations: list[tuple[str, object]]) -> None:
    assert _added(backup=backup) == operations


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


def test_verifications_are_spread_over_the_week_away_from_the_databases_own_backup() -> None:
    specs = [defaults.completed(factory.database(f"db-{number}"), POLICY)["spec"] for number in range(100)]
    verifications = [spec["backup"]["verify"]["schedule"].split() for spec in specs]
    assert {fields[4] for fields in verifications} == set("0123456")
    assert {int(fields[1]) for fields in verifications} == set(range(6))
    for spec, fields in zip(specs, verifications, strict=True):
        assert spec["backupSchedule"].split()[:2] != fields[:2]


def test_an_update_that_leaves_verification_out_keeps_what_is_stored() -> None:
    old = factory.complete_database(backup={"verify": {"schedule": ""}})
    partial: tuple[object, ...] = (None, {}, {"suspended": True}, {"verify": {}})
    for backup in partial:
        spec = defaults.completed(factory.database(backup=backup), POLICY, old)["spec"]
        assert spec["backup"]["verify"] == {"schedule": ""}


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
VALUES = st.sampled_from(
    [NOTHING, None, {}, [], "", "17", 1, {"size": None}, {"requests": None}, {"verify": {}}]
)
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
            given = {key: each for key, each in value.items() if each not in (None, {})}
            assert given.items() <= whole["spec"][name].items()
        else:
            assert whole["spec"][name] == value
    assert {**whole, "spec": 0} == {**manifest, "spec": 0}


def _added(**spec: object) -> list[tuple[str, object]]:
    whole = {**FILLED, **spec}
    operations = defaults.complete(factory.database(**whole), POLICY)
    return [(operation["path"], operation["value"]) for operation in operations]


WITH_SECRETS = factory.policy(f"{factory.POLICY}imagePullSecrets: [{{name: registry}}]\n")
REGISTRY = {"imagePullSecrets": [{"name": "registry"}]}


@pytest.mark.parametrize(
    ("template", "whole"),
    [
        (None, REGISTRY),
        ({}, REGISTRY),
        ({"labels": {"a": "b"}}, {"labels": {"a": "b"}, **REGISTRY}),
        ({"imagePullSecrets": None}, REGISTRY),
        ({"imagePullSecrets": []}, {"imagePullSecrets": []}),
        ({"imagePullSecrets": [{"name": "own"}]}, {"imagePullSecrets": [{"name": "own"}]}),
        ("x", "x"),
    ],
)
def test_a_new_database_pulls_with_the_policys_secrets_unless_it_names_its_own(
    template: object, whole: object
) -> None:
    once = defaults.completed(factory.database(template=template), WITH_SECRETS)
    assert once["spec"]["template"] == whole
    assert defaults.complete(once, WITH_SECRETS) == []


def test_the_policys_new_secrets_restart_no_database() -> None:
    old = factory.complete_database()
    assert "template" not in defaults.completed(factory.database(), WITH_SECRETS, old)["spec"]
    old = factory.complete_database(template=REGISTRY)
    spec = defaults.completed(factory.database(template={"labels": {"a": "b"}}), POLICY, old)["spec"]
    assert spec["template"] == {"labels": {"a": "b"}, **REGISTRY}
