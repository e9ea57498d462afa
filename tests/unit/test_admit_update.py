"""Updates: a rule applies only to what changed, and some things never change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.admit import admit
from schemas.verdict import Verdict
from tests import factory

POLICY = factory.policy()
NOW = datetime(2026, 11, 23, tzinfo=UTC)

ANEW = "dump and restore into a new database"

# An object as an older release with other rules might have stored it: nearly everything is wrong today.
FROZEN: dict[str, Any] = {
    "version": "9",
    "replicas": 99,
    "backupSchedule": "0 0 30 2 *",
    "database": "select",
    "owner": "pg_owner",
    "storage": {"size": "1Mi"},
    "resources": {"requests": {"cpu": "-1", "tapes": "2"}, "limits": {"memory": "1Mi"}},
    "parameters": {"nonsense": "1", "max_connections": "1", "Max_Connections": "2"},
    "hba": ["nonsense", "host all all all trust"],
    "network": {"clients": [{}]},
    "synchronous": "on",
    "backup": {
        "timeZone": "Mars/Olympus",
        "retention": {"days": 0},
        "fullEvery": "soon",
        "verify": {"schedule": "never"},
        "repository": {"s3": {"bucket": "B B", "endpoint": "s3://", "region": "a b", "path": "x"}},
    },
    "template": {"labels": {"keddah.dev/role": "x"}, "tolerations": [5]},
}


def judged(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    verdict = admit(
        factory.complete_database(**new), factory.complete_database(**old), policy=POLICY, now=NOW
    )
    return [str(violation) for violation in verdict.violations]


def test_a_frozen_object_would_be_refused_today() -> None:
    verdict = admit(factory.complete_database(**FROZEN), policy=POLICY, now=NOW)
    paths = [violation.path for violation in verdict.violations]
    assert len(paths) == len(set(paths)) == 26


@pytest.mark.parametrize(
    "change",
    [
        {"hibernated": True},
        {"deletionProtection": True},
        {"deletionPolicy": "Delete"},
        {"synchronous": "Off"},
        {"template": {}},
        {"hba": []},
        {"hba": ["host all all all trust", "hostssl all all 10.0.0.0/8 scram-sha-256", "nonsense"]},
        {"parameters": {}},
        {"replicas": 9},
        {"backupSchedule": "@daily"},
        {"storage": {"size": "1Gi"}},
        {"backup": {}},
    ],
)
def test_a_stricter_release_never_freezes_an_object(change: dict[str, Any]) -> None:
    assert judged(FROZEN, {**FROZEN, **change}) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"replicas": 98}, "spec.replicas"),
        ({"hba": ["nonsense", "other nonsense"]}, "spec.hba[1]"),
        ({"network": {"clients": [{}, {"ipBlock": {"cidr": "x"}}]}}, "spec.network.clients[1].ipBlock.cidr"),
        ({"synchronous": "maybe"}, "spec.synchronous"),
        ({"storage": {"size": "2Mi"}}, "spec.storage.size"),
        ({"backupSchedule": "0 0 31 2 *"}, "spec.backupSchedule"),
        ({"backup": {**FROZEN["backup"], "timeZone": "Mars/Pavonis"}}, "spec.backup.timeZone"),
        ({"backup": {**FROZEN["backup"], "fullEvery": "later"}}, "spec.backup.fullEvery"),
        ({"backup": {**FROZEN["backup"], "verify": {"schedule": "x"}}}, "spec.backup.verify.schedule"),
    ],
)
def test_only_what_changed_is_judged(change: dict[str, Any], path: str) -> None:
    found = judged(FROZEN, {**FROZEN, **change})
    assert [violation.split(": ")[0] for violation in found] == [path]


def test_parameters_are_judged_by_name() -> None:
    old = {"parameters": {"nonsense": "1", "work_mem": "4MB"}}
    assert judged(old, {"parameters": {"nonsense": "1", "work_mem": "8MB"}}) == []
    assert [line.split(": ")[0] for line in judged(old, {"parameters": {"nonsense": "2"}})] == [
        "spec.parameters.nonsense"
    ]


def test_parameters_are_judged_again_under_another_memory_limit() -> None:
    old = {"parameters": {"shared_buffers": "512MB"}, "resources": {"limits": {"memory": "1Gi"}}}
    assert len(judged(old, {**old, "resources": {"limits": {"memory": "512Mi"}}})) == 1


def test_a_new_major_is_an_upgrade_although_the_old_left_the_catalogue() -> None:
    assert judged({"version": "9"}, {"version": "17"}) == [
        'spec.version: got "17"; is a major upgrade from "9", which is not supported yet'
    ]


def test_resources_are_judged_by_name() -> None:
    old = {"resources": {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "1"}}}
    new = {"resources": {"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"cpu": "1"}}}
    assert judged(old, new) == []


def test_strict_is_not_scaled_to_one() -> None:
    assert len(judged({"synchronous": "Strict", "replicas": 2}, {"synchronous": "Strict"})) == 1


def test_labels_are_judged_by_key() -> None:
    old = {"template": {"labels": {"keddah.dev/role": "x"}}}
    assert judged(old, {"template": {"labels": {"keddah.dev/role": "x", "team": "shop"}}}) == []
    assert len(judged(old, {"template": {"labels": {"keddah.dev/role": "y"}}})) == 1


def test_an_object_that_is_being_deleted_passes() -> None:
    new = factory.complete_database(**FROZEN)
    new["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    for old in (None, factory.complete_database()):
        assert admit(new, old, policy=POLICY, now=NOW) == Verdict()


def test_metadata_and_status_pass() -> None:
    old = factory.complete_database("NotAName", **FROZEN)
    new = {**old, "metadata": {**old["metadata"], "labels": {"a": "b"}}, "status": {"replicas": "many"}}
    assert admit(new, old, policy=POLICY, now=NOW) == Verdict()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ({"database": "shop"}, {}, 'spec.database: got "app"; cannot change from "shop"'),
        ({}, {"owner": "shop"}, 'spec.owner: got "shop"; cannot change from "app"'),
        (
            {"storage": {"storageClassName": "fast"}},
            {},
            f'spec.storage.storageClassName: got ""; cannot change from "fast": {ANEW}',
        ),
        (
            {},
            {"storage": {"storageClassName": "fast"}},
            f'spec.storage.storageClassName: got "fast"; cannot change from "": {ANEW}',
        ),
        (
            {"storage": {"size": "10Gi"}},
            {"storage": {"size": "10G"}},
            'spec.storage.size: got "10G"; cannot be less than "10Gi", the size that the volumes have',
        ),
        (
            {"restore": {"from": {"name": "a"}}},
            {},
            "spec.restore: got a change; is used only when the database is created, and cannot change",
        ),
        (
            {"version": "18"},
            {"version": "17"},
            'spec.version: got "17"; cannot go down from "18": restore a dump into a new database',
        ),
        (
            {"version": "17"},
            {"version": "18.1"},
            'spec.version: got "18.1"; is a major upgrade from "17", which is not supported yet',
        ),
        (
            {"version": "17.6"},
            {"version": "17.5"},
            'spec.version: got "17.5"; is older than the 17.6 that "17.6" runs: a version can only go up',
        ),
        (
            {"version": "17"},
            {"version": "17.5"},
            'spec.version: got "17.5"; is older than the 17.6 that "17" runs: a version can only go up',
        ),
    ],
)
def test_what_cannot_change_is_refused(old: dict[str, Any], new: dict[str, Any], message: str) -> None:
    assert judged(old, new) == [message]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("30Gi", []),
        ("20Gi", []),
        (
            "19Gi",
            ['spec.storage.size: got "19Gi"; cannot be less than "20Gi", the size that the volumes have'],
        ),
    ],
)
def test_a_slip_of_the_size_can_be_taken_back_down_to_what_the_volumes_have(
    size: str, said: list[str]
) -> None:
    old = factory.complete_database(storage={"size": "60Ti"}) | {"status": {"volumeSize": "20Gi"}}
    new = {**old, "spec": {**old["spec"], "storage": {"size": size}}}
    verdict = admit(new, old, policy=POLICY, now=datetime(2026, 11, 23, tzinfo=UTC))
    assert [str(violation) for violation in verdict.violations] == said


def test_a_size_that_grows_tenfold_is_asked_about() -> None:
    old = factory.complete_database(storage={"size": "60Gi"})
    for size, asked in (("600Gi", False), ("60Ti", True)):
        new = {**old, "spec": {**old["spec"], "storage": {"size": size}}}
        verdict = admit(new, old, policy=POLICY, now=datetime(2026, 11, 23, tzinfo=UTC))
        assert any("is the unit right?" in warning for warning in verdict.warnings) is asked


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"version": "17.5"}, {"version": "17.6"}),
        ({"version": "17.5"}, {"version": "17"}),
        ({"version": "17.6"}, {"version": "17"}),
        ({"version": "17"}, {"version": "17.6"}),
        ({"storage": {"size": "10Gi"}}, {"storage": {"size": "10240Mi"}}),
        ({"storage": {"size": "10Gi"}}, {"storage": {"size": "11Gi"}}),
        ({"storage": {"size": "lots"}}, {"storage": {"size": "1Gi"}}),
    ],
)
def test_what_goes_up_is_accepted(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert judged(old, new) == []


def test_a_pin_to_what_runs_is_accepted_although_the_policy_has_newer() -> None:
    old = {**factory.complete_database(version="17"), "status": {"currentVersion": "17.5"}}
    assert admit(factory.complete_database(version="17.5"), old, policy=POLICY, now=NOW).accepted


def test_a_release_that_never_ran_is_left_again() -> None:
    old = {**factory.complete_database(version="17.6"), "status": {"currentVersion": "17.5"}}
    assert admit(factory.complete_database(version="17.5"), old, policy=POLICY, now=NOW).accepted
    old["status"] = {"currentVersion": "17.6"}
    assert not admit(factory.complete_database(version="17.5"), old, policy=POLICY, now=NOW).accepted


def test_five_mistakes_are_five_messages() -> None:
    found = judged(
        {},
        {
            "version": 17,
            "replicas": 0,
            "backupSchedule": "0 0 30 2 *",
            "storage": {"size": "1Gi"},
            "parameters": {"shared_bufers": "1GB"},
        },
    )
    assert [violation.split(": ")[0] for violation in found] == [
        "spec.version",
        "spec.replicas",
        "spec.backupSchedule",
        "spec.parameters.shared_bufers",
        "spec.storage.size",
    ]
