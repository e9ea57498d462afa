"""Warnings: what is legal and unwise, and what a change will do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.admit import admit, admit_scale
from schemas.policy.policy import ReplicaBounds
from tests import factory
from tests.verdicts import unshowable

POLICY = factory.policy()
NOW = datetime(2026, 11, 23, tzinfo=UTC)
OF_CONNECTIONS = "of 100 connections is more than twice resources.limits.memory, 1Gi"
DENSE = "less than an hour apart; archived WAL covers every second between backups"


def warned(*, now: datetime = NOW, **spec: Any) -> tuple[str, ...]:  # noqa: ANN401
    verdict = admit(factory.complete_database(**{"replicas": 3, **spec}), policy=POLICY, now=now)
    assert verdict.accepted, verdict.violations
    return verdict.warnings


def planned(old: dict[str, Any], new: dict[str, Any], **status: Any) -> tuple[str, ...]:  # noqa: ANN401
    before = {**factory.complete_database(**{"replicas": 3, **old}), "status": status}
    verdict = admit(factory.complete_database(**{"replicas": 3, **new}), before, policy=POLICY, now=NOW)
    assert verdict.accepted, verdict.violations
    return verdict.warnings


def test_a_plain_database_of_three_has_no_warning() -> None:
    assert warned() == ()


@pytest.mark.parametrize(
    ("spec", "now", "warning"),
    [
        (
            {"replicas": 1},
            NOW,
            "spec.replicas: 1 means no high availability: the database is down whenever its node is",
        ),
        (
            {"version": "16"},
            NOW,
            "spec.version: 16.10 is deprecated in this cluster, move to a newer one",
        ),
        (
            {"version": "17"},
            datetime(2029, 11, 8, tzinfo=UTC),
            "spec.version: 17.6 has had no fixes since 2029-11-08, move to a newer one",
        ),
        (
            {"backupSchedule": "*/5 * * * *"},
            NOW,
            f"spec.backupSchedule: {DENSE}",
        ),
        (
            {"parameters": {"max_connections": "5000"}},
            NOW,
            "spec.parameters.max_connections: 5000 processes on every instance; a pooler needs far fewer",
        ),
        (
            {"parameters": {"log_line_prefix": "%m "}},
            NOW,
            "spec.parameters.log_line_prefix: has an effect with spec.logging: Text only",
        ),
        (
            {"parameters": {"shared_buffers": "1GB"}},
            NOW,
            "spec.parameters.shared_buffers: 1GB is more than resources.requests.memory, 256Mi",
        ),
        (
            {"resources": {"limits": {"memory": "4Gi"}, "requests": {"memory": "512Mi"}}},
            NOW,
            "spec.resources.requests.memory: 512Mi is less than shared_buffers, 1024MB by the limit",
        ),
        (
            {"parameters": {"work_mem": "64MB"}, "resources": {"limits": {"memory": "1Gi"}}},
            NOW,
            f"spec.parameters.work_mem: 64MB in each {OF_CONNECTIONS}",
        ),
        ({"database": "Shop"}, NOW, 'spec.database: SQL must write it in double quotes: "Shop"'),
    ],
)
def test_what_is_legal_and_unwise_is_told(spec: dict[str, Any], now: datetime, warning: str) -> None:
    assert warned(now=now, **spec) == (warning,)


@pytest.mark.parametrize(
    ("spec", "start"),
    [
        ({"backupSchedule": "1, 2 * * *"}, "spec.backupSchedule: "),
        ({"hba": ["hostssl all all 10.0.0.0/8 trust"]}, "spec.hba[0]: method trust lets everybody"),
        ({"hba": ["hostssl all all all md5"]}, "spec.hba[0]: method md5 is deprecated since PostgreSQL 18"),
        ({"parameters": {"synchronous_commit": "off"}}, "spec.parameters.synchronous_commit: commits are"),
        ({"parameters": {"my.setting": "x"}}, 'spec.parameters["my.setting"]: belongs to an extension'),
    ],
)
def test_what_the_parsers_doubt_is_told(spec: dict[str, Any], start: str) -> None:
    (warning,) = warned(**spec)
    assert warning.startswith(start)


ROLLING = "rolling restart, then a switchover"


@pytest.mark.parametrize(
    ("old", "new", "warnings"),
    [
        ({}, {"deletionProtection": True}, ()),
        ({}, {"replicas": 2}, ("replicas 3 -> 2: orders-2 goes, its volume stays",)),
        (
            {},
            {"replicas": 1},
            (
                "spec.replicas: 1 means no high availability: the database is down whenever its node is",
                "replicas 3 -> 1: orders-1 and orders-2 go, their volumes stay",
            ),
        ),
        ({}, {"replicas": 4}, ("replicas 3 -> 4: orders-3 joins as standby",)),
        ({}, {"replicas": 9}, ("replicas 3 -> 9: orders-3, orders-4 and 4 more join as standbys",)),
        ({}, {"parameters": {"shared_buffers": "128MB"}}, (f"parameters.shared_buffers: {ROLLING}",)),
        ({"parameters": {"work_mem": "8MB"}}, {"parameters": {"Work_Mem": "8192"}}, ()),
        ({}, {"parameters": {"work_mem": "8MB"}}, ("parameters.work_mem: reload, no restart",)),
        (
            {"parameters": {"shared_buffers": "128MB", "work_mem": "8MB"}},
            {"parameters": {"wal_level": "logical", "max_locks_per_transaction": "128"}},
            (
                f"parameters.max_locks_per_transaction, shared_buffers and wal_level: {ROLLING}",
                "parameters.work_mem: reload, no restart",
            ),
        ),
        ({}, {"hba": ["hostssl all all 10.0.0.0/8 scram-sha-256"]}, ("hba: reload, no restart",)),
        (
            {},
            {"network": {"clients": [{"podSelector": {}}]}},
            ("network: at once for new connections, without a restart",),
        ),
        ({}, {"resources": {"requests": {"cpu": "1"}}}, (f"resources: {ROLLING}",)),
        ({}, {"template": {"labels": {"team": "shop"}}}, (f"template: {ROLLING}",)),
        ({"version": "17.5"}, {"version": "17"}, (f"version 17.5 -> 17.6: {ROLLING}",)),
        ({"version": "17"}, {"version": "17.6"}, ()),
        ({}, {"hibernated": True}, ("hibernated: all pods go, their volumes stay",)),
        ({"hibernated": True}, {}, ("hibernated: all pods come back",)),
        ({"hibernated": True}, {"hibernated": True, "resources": {"requests": {"cpu": "1"}}}, ()),
        (
            {},
            {"storage": {"size": "20Gi"}},
            (
                "spec.backup.repository.volume.size: 10Gi is less than storage.size, 20Gi, and keeps 14 days",
                "storage.size 10Gi -> 20Gi: volumes grow and can never shrink again",
            ),
        ),
        (
            {},
            {"synchronous": "Strict"},
            ("synchronous Quorum -> Strict: with no standby left, commits wait",),
        ),
        ({}, {"synchronous": "Off"}, ("synchronous Quorum -> Off: a failover can lose the last commits",)),
        (
            {},
            {"deletionPolicy": "Delete"},
            ("deletionPolicy Retain -> Delete: deleting this object deletes its data and backups",),
        ),
        ({"deletionPolicy": "Delete"}, {}, ()),
    ],
)
def test_a_change_says_what_it_will_do(
    old: dict[str, Any], new: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    assert planned(old, new) == warnings


def test_more_instances_than_the_servers_have_connections_for_restart_them() -> None:
    wide = replace(POLICY, replicas=ReplicaBounds(maximum=50))
    for old, new, more in (
        ({"replicas": 9}, {"replicas": 10}, "max_replication_slots and max_wal_senders"),
        (
            {"replicas": 9},
            {"replicas": 10, "parameters": {"max_wal_senders": "60"}},
            "max_replication_slots",
        ),
        ({"replicas": 10}, {"replicas": 9}, None),
        ({"replicas": 10}, {"replicas": 21}, None),
    ):
        before, after = factory.complete_database(**old), factory.complete_database(**new)
        warnings = admit(after, before, policy=wide, now=NOW).warnings
        found = [warning for warning in warnings if "replicas" in warning and "more max" in warning]
        assert found == ([f"replicas 9 -> 10: more {more}: {ROLLING}"] if more else [])


def test_a_change_of_the_only_instance_ends_connections() -> None:
    assert planned({"replicas": 1}, {"replicas": 1, "parameters": {"wal_level": "logical"}}) == (
        "parameters.wal_level: the only instance restarts, its connections are closed",
    )


def test_a_primary_that_goes_hands_over_first() -> None:
    assert planned({}, {"replicas": 2}, primary="orders-2") == (
        "replicas 3 -> 2: switchover, then orders-2 goes, its volume stays",
    )


def test_a_refused_change_has_no_plan() -> None:
    old = factory.complete_database(replicas=3)
    verdict = admit(factory.complete_database(replicas=10, hibernated=True), old, policy=POLICY, now=NOW)
    assert not verdict.accepted
    assert verdict.warnings == ()


WORDS = st.text(alphabet="abc_é", min_size=1, max_size=60)
HUGE = st.fixed_dictionaries(
    {},
    optional={
        "parameters": st.dictionaries(WORDS.map(lambda word: f"x{word[:20]}.y{word}"), WORDS, max_size=5),
        "database": WORDS.map(lambda word: f"D{word}"),
        "replicas": st.integers(1, 9),
        "backupSchedule": st.sampled_from(
            ["*/1 * * * *", ",,,1 , * * *", "5,,6,, 1,,2 ?/40 */12 ?", "@hourly"]
        ),
        "hibernated": st.booleans(),
    },
)


@settings(max_examples=40)
@given(HUGE, HUGE)
def test_every_warning_is_shorter_than_120_characters(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert unshowable(old, new) == []


@pytest.mark.parametrize("replicas", [0, -1, 10])
def test_scaling_out_of_bounds_is_refused(replicas: int) -> None:
    (violation,) = admit_scale(replicas, 3, name="orders", policy=POLICY).violations
    assert str(violation) == f"spec.replicas: got {replicas}; must be from 1 to 9"


def test_scaling_says_what_it_will_do() -> None:
    verdict = admit_scale(1, 3, name="orders", policy=POLICY)
    assert verdict.accepted
    assert verdict.warnings == ("replicas 3 -> 1: orders-1 and orders-2 go, their volumes stay",)


def test_scaling_to_what_is_there_passes_whatever_the_policy() -> None:
    assert admit_scale(99, 99, name="orders", policy=POLICY).accepted
