"""The structural pass: every mistake at once, and never milder than the typed decoder or the CRD."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import structure
from schemas.admit import admit
from schemas.api.mistakes import mistakes
from schemas.api.types import PostgreSQLDatabase, decode
from schemas.crd import openapi
from tests import factory

POLICY = factory.policy()
NOW = datetime(2026, 11, 23, tzinfo=UTC)

OBJECT_NAME = "must be an object's name: a-z, 0-9, - and ., a letter or digit at both ends"

FULL: dict[str, Any] = {
    "version": "17",
    "replicas": 3,
    "backupSchedule": "@daily",
    "database": "shop",
    "owner": "shop",
    "storage": {"size": "20Gi", "storageClassName": "fast"},
    "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "parameters": {"work_mem": "8MB", "log_min_duration_statement": "500ms"},
    "hba": ["hostssl all all 10.0.0.0/8 scram-sha-256"],
    "synchronous": "Strict",
    "backup": {"timeZone": "UTC", "suspended": False, "retention": {"days": 7}, "repository": {"volume": {}}},
    "deletionPolicy": "Delete",
    "deletionProtection": True,
    "hibernated": True,
    "template": {
        "labels": {"team": "shop"},
        "annotations": {"note": "x"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "db", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["3"]}]}
                    ]
                }
            },
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "podAffinityTerm": {"topologyKey": "z", "labelSelector": {"matchLabels": {"a": "b"}}},
                    }
                ]
            },
        },
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
        ],
        "priorityClassName": "high",
    },
}


def full() -> dict[str, Any]:
    return factory.database(**deepcopy(FULL))


def refused(spec: object) -> list[str]:
    manifest = {**full(), "spec": spec}
    return [str(violation) for violation in admit(manifest, policy=POLICY, now=NOW).violations]


def test_every_field_at_once_is_accepted() -> None:
    assert refused(FULL) == []


def test_types_and_schema_make_a_round_trip() -> None:
    manifest = full()
    once = msgspec.to_builtins(decode(manifest))
    assert list(mistakes(once, openapi.working_schema())) == []
    assert decode(once) == decode(manifest)
    assert {key: once["spec"][key] for key in FULL if key not in ("backup", "backupSchedule")} == {
        key: value for key, value in FULL.items() if key not in ("backup", "backupSchedule")
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([], "spec: got []; must be a mapping of names to values"),
        ("x", 'spec: got "x"; must be a mapping of names to values'),
        ({"hba": "x"}, 'spec.hba: got "x"; must be a list of at most 512 items'),
        (
            {"parameters": []},
            "spec.parameters: got []; must be a mapping of names to values of at most 512 names",
        ),
        ({"hibernated": "yes"}, 'spec.hibernated: got "yes"; must be true or false, without quotes'),
        ({"hibernated": 1}, "spec.hibernated: got 1; must be true or false"),
        ({"synchronous": "on"}, 'spec.synchronous: got "on"; must be Off, Quorum or Strict'),
        (
            {"synchronous": False},
            "spec.synchronous: got false; must be Off, Quorum or Strict: put it in quotes",
        ),
        ({"deletionPolicy": "keep"}, 'spec.deletionPolicy: got "keep"; must be Delete or Retain'),
        ({"backup": {"retention": {"days": 0}}}, "spec.backup.retention.days: got 0; must be from 1 to 3650"),
        ({"parameters": {"a": True}}, "spec.parameters.a: got true; must be a string: put it in quotes"),
        ({"parameters": {"a b": 1}}, 'spec.parameters["a b"]: got 1; must be a string: put it in quotes'),
        ({"hba": ["x" * 4097]}, f'spec.hba[0]: got "{"x" * 56}...; must have at most 4096 characters'),
        ({"restore": {}}, "spec.restore.from: got nothing; must be a mapping of names to values"),
        ({"hba": [None]}, "spec.hba[0]: got null; must be a string of at most 4096 characters"),
    ],
)
def test_a_mistake_says_what_is_right(spec: object, message: str) -> None:
    assert refused(spec) == [message]


def test_structure_and_rules_are_judged_together() -> None:
    spec = {**FULL, "replicas": "3", "hba": [5, "nonsense"], "owner": "select"}
    assert [violation.split(": ")[0] for violation in refused(spec)] == [
        "spec.replicas",
        "spec.hba[0]",
        "spec.owner",
        "spec.hba[1]",
    ]


def test_what_is_broken_is_not_judged_again() -> None:
    old, new = factory.complete_database(database="shop"), factory.complete_database(database=5)
    found = admit(new, old, policy=POLICY, now=NOW).violations
    assert [str(violation) for violation in found] == [
        "spec.database: got 5; must be a string: put it in quotes"
    ]


def test_nulls_count_as_absent_as_the_api_server_counts_them() -> None:
    assert refused(None) == []
    assert refused(dict.fromkeys(FULL)) == []
    assert refused({"storage": {"size": None}, "parameters": {"work_mem": None}}) == []


def test_other_metadata_that_cannot_be_read_is_named() -> None:
    manifest = {**full(), "metadata": {"name": "orders", "labels": {"a": 1}}}
    (violation,) = admit(manifest, policy=POLICY, now=NOW).violations
    assert violation.path.startswith("metadata.labels")
    assert violation.message == "expected str, got int"


def test_unknown_fields_are_named_with_what_was_meant() -> None:
    template = {
        "affinity": {"podaffinity": {}},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "values": "databases"}],
    }
    spec = {"replcas": 3, "storage": {"sise": "1Gi"}, "template": template, "qqq": {}}
    assert [str(violation) for violation in structure.unknown_fields({**full(), "spec": spec, "x": 1})] == [
        "spec.replcas: got 3; is not a known field; did you mean replicas?",
        'spec.storage.sise: got "1Gi"; is not a known field; did you mean size?',
        "spec.template.affinity.podaffinity: got {}; is not a known field; did you mean podAffinity?",
        'spec.template.tolerations[0].values: got "databases"; is not a known field; did you mean value?',
        "spec.qqq: got {}; is not a known field; leave it out",
        "x: got 1; is not a known field; leave it out",
    ]


def test_unknown_fields_do_not_refuse() -> None:
    assert refused({**FULL, "futureField": {"a": 1}}) == []


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(below for key, child in children for below in _paths(child, (*path, key)))]


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.sampled_from([0, 1, 9, 10000, 1.0, 2.5, "", "x", "10Gi", "10GB", "\n", "17", "Quorum", "é" * 70]),
    st.text(max_size=5),
    st.lists(st.sampled_from(["x", 1, None, {}]), max_size=2),
    st.dictionaries(st.sampled_from(["size", "cpu", "a", "full"]), st.sampled_from(["1", 1, None, {}, []])),
)
BROKEN = st.lists(st.tuples(st.sampled_from(_paths(FULL)[1:]), JUNK), min_size=1, max_size=3)


def _broken(changes: list[tuple[tuple[str | int, ...], Any]]) -> dict[str, Any]:
    spec = deepcopy(FULL)
    for (*parents, last), junk in changes:
        target: Any = spec
        for parent in parents:
            try:
                target = target[parent]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(target, dict) and isinstance(last, str):
                target[last] = deepcopy(junk)  # what is sampled is shared
            elif isinstance(target, list) and isinstance(last, int) and target:
                target[0] = deepcopy(junk)
    return spec


@settings(max_examples=80)
@given(BROKEN)
def test_what_the_decoder_takes_the_schema_takes(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    manifest = factory.database(**_broken(changes))
    try:
        decode(manifest)
    except msgspec.ValidationError:
        # And the other way round: what decoding refuses is refused, unless only nulls were in its way.
        verdict = admit(manifest, policy=POLICY, now=NOW)
        bare = json.dumps(manifest)
        assert not verdict.accepted or "null" in bare
    else:
        assert not list(mistakes(manifest, openapi.working_schema()))


@settings(max_examples=50)
@given(BROKEN, BROKEN)
def test_judging_never_fails(
    new: list[tuple[tuple[str | int, ...], Any]], old: list[tuple[tuple[str | int, ...], Any]]
) -> None:
    given_, stored = factory.database(**_broken(new)), factory.database(**_broken(old))
    for verdict in (
        admit(given_, policy=POLICY, now=NOW),
        admit(given_, stored, policy=POLICY, now=NOW),
    ):
        paths = [violation.path for violation in verdict.violations]
        assert len(paths) == len(set(paths))
        assert all("\n" not in str(violation) for violation in verdict.violations)
    assert admit(stored, stored, policy=POLICY, now=NOW).accepted


def test_the_decoded_type_is_the_apis() -> None:
    assert isinstance(decode(full()), PostgreSQLDatabase)
