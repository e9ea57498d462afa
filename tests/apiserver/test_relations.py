"""Rules that exist twice, in CEL and in Python: both halves say the same, with and without the webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.api.types import decode
from schemas.rules import relations
from schemas.rules.relation import Relation
from schemas.rules.review import Review
from tests import factory

if TYPE_CHECKING:
    from tests.rest import Answer, Rest

KIND = "PostgreSQLDatabase"
S3: dict[str, Any] = {"bucket": "abc", "endpoint": "e", "credentials": {"name": "s"}}
REPOSITORIES: tuple[dict[str, Any], ...] = (
    {},
    {"volume": {"size": "10Gi"}},
    {"volume": {"size": "20Gi"}},
    {"volume": {}},
    {"volume": {"size": "2e9"}, "s3": S3},
    {"s3": S3},
    {"encryption": {}},
)
SIZES = ("10Gi", "10240Mi", "1e10", "9Gi", "20Gi", "10737418240", "10737418239", "0.01Ti")
STORED: tuple[dict[str, Any], ...] = (
    {},
    {"version": "17", "storage": {"size": "10Gi"}, "database": "sales", "owner": "sales"},
    {"version": "17.6", "storage": {"storageClassName": "fast"}, "restore": {"from": {"name": "ledger"}}},
    {"version": "9", "storage": {"size": "10Gi", "storageClassName": "fast"}},
    {
        "backup": {"repository": {"volume": {"size": "10Gi"}}},
        "restore": {"from": {"name": "ledger"}, "targetTime": "2026-11-23T08:00:00Z"},
    },
    {"backupSchedule": "", "backup": {"repository": {"volume": {"size": "20Gi"}}}},
    {"backup": {"repository": {"s3": S3}}, "restore": {"from": {"s3": S3}}},
    {"backupSchedule": "@daily", "backup": {"suspended": True}},
)
"""Objects that are there; what changes are made to them is up to Hypothesis."""


SOURCES: tuple[dict[str, Any], ...] = (
    {"name": "ledger"},
    {"name": "ledger", "s3": S3},
    {"s3": {**S3, "archive": "ledger-1"}},
    {},
)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


SPECS: st.SearchStrategy[dict[str, Any]] = optional(
    version=st.sampled_from(["16", "17", "17.5", "17.6", "18", "9", "9.6", "10", "17.0"]),
    database=st.sampled_from(["app", "sales"]),
    owner=st.sampled_from(["app", "sales"]),
    replicas=st.sampled_from([1, 2]),
    synchronous=st.sampled_from(["Quorum", "Strict"]),
    storage=optional(size=st.sampled_from(SIZES), storageClassName=st.sampled_from(["fast", "slow"])),
    backup=optional(repository=st.sampled_from(REPOSITORIES), finalBackup=st.booleans()),
    deletionPolicy=st.sampled_from(["Delete", "Retain"]),
    backupSchedule=st.sampled_from(["", "@daily"]),
    restore=optional(
        targetLSN=st.sampled_from(["0/1", "1/0"]),
        targetName=st.sampled_from(["a", "b"]),
        targetTime=st.sampled_from(
            ["2026-11-23T08:00:00Z", "2026-11-23T09:00:00+01:00", "2026-11-23T09:00:00Z"]
        ),
    ).flatmap(lambda rest: st.sampled_from(SOURCES).map(lambda source: {"from": source, **rest})),
)


VOLUMES = {1: "9Gi", 3: "20Gi"}
"""What the status of some of them says that the volumes have."""
RUNNING = {0: "9.6", 1: "16.4", 2: "17.6", 3: "18beta1"}
"""What it says that the server of some of them runs."""


@pytest.fixture(scope="module")
def stored(rest: Rest, shared_unguarded: str) -> list[dict[str, Any]]:
    manifests = [factory.database(f"stored-{n}", shared_unguarded, **spec) for n, spec in enumerate(STORED)]
    made = [rest.create(manifest).expect() for manifest in manifests]
    for which, size in VOLUMES.items():
        name = made[which]["metadata"]["name"]
        made[which] = rest.merge(
            KIND, shared_unguarded, name, {"status": {"volumeSize": size}}, subresource="status"
        ).expect()
    for which, version in RUNNING.items():
        name = made[which]["metadata"]["name"]
        made[which] = rest.merge(
            KIND, shared_unguarded, name, {"status": {"currentVersion": version}}, subresource="status"
        ).expect()
    return made


def by_cel(answer: Answer) -> set[tuple[str, str]]:
    """Give path and message of each cause: `Invalid value: "string": got …` comes from a CEL rule."""
    # There may be several for one path, of which `answer.causes` has one.
    causes = (answer.body.get("details") or {}).get("causes") or []
    return {(cause["field"], cause["message"][cause["message"].index("got ") :]) for cause in causes}


def by_python(new: dict[str, Any], old: dict[str, Any] | None) -> set[tuple[str, str]]:
    before = None if old is None else decode(old)
    review = Review(decode(new), before, factory.policy(), datetime(2026, 11, 23, tzinfo=UTC))
    return {(violation.path, violation.message) for violation in relations.violations(review)}


@settings(max_examples=150)
@given(which=st.integers(0, len(STORED) - 1), spec=SPECS)
def test_both_halves_agree_on_every_change(
    rest: Rest, stored: list[dict[str, Any]], which: int, spec: dict[str, Any]
) -> None:
    old = stored[which]
    new = {**old, "spec": spec}
    answer = rest.replace(new, dryRun="All")
    assert answer.status in (200, 422), answer
    assert by_cel(answer) == by_python(new, old)


@settings(max_examples=30)
@given(spec=SPECS)
def test_both_halves_agree_on_every_new_object(
    rest: Rest, shared_unguarded: str, spec: dict[str, Any]
) -> None:
    new = factory.database("fresh", shared_unguarded, **spec)
    answer = rest.create(new, dryRun="All")
    assert answer.status in (201, 422), answer
    assert by_cel(answer) == by_python(new, None)


@pytest.mark.parametrize("relation", relations.RELATIONS, ids=lambda relation: relation.at + relation.child)
def test_every_relation_is_broken_by_some_change(relation: Relation) -> None:
    breaking: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"database": "a"}, {"database": "b"}),
        ({"owner": "a"}, {"owner": "b"}),
        ({"version": "18"}, {"version": "17"}),
        ({"storage": {"storageClassName": "fast"}}, {}),
        ({"storage": {"size": "2Gi"}}, {"storage": {"size": "1Gi"}}),
        ({}, {"backup": {"repository": REPOSITORIES[4]}}),
        ({"backup": {"repository": REPOSITORIES[2]}}, {"backup": {"repository": REPOSITORIES[1]}}),
        ({}, {"restore": {"from": {"name": "ledger"}}}),
        ({}, {"restore": {"from": SOURCES[1]}}),
        ({}, {"restore": {"from": SOURCES[0], "targetLSN": "0/1", "targetName": "a"}}),
        ({}, {"replicas": 1, "synchronous": "Strict"}),
        ({}, {"backupSchedule": "", "deletionPolicy": "Delete", "backup": {"finalBackup": True}}),
    ]
    broken = [
        relation.violation(
            Review(
                decode(factory.database(**new)),
                decode(factory.database(**old)),
                factory.policy(),
                datetime(2026, 11, 23, tzinfo=UTC),
            )
        )
        for old, new in breaking
    ]
    assert any(broken)


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"version": "18"}, {"version": "17"}),
        ({"database": "a"}, {"database": "b"}),
        ({"storage": {"size": "2Gi"}}, {"storage": {"size": "1Gi"}}),
        ({"storage": {"storageClassName": "fast"}}, {"storage": {"storageClassName": "slow"}}),
    ],
    ids=["version", "database", "size", "class"],
)
def test_a_user_reads_the_same_words_with_and_without_the_webhook(
    rest: Rest, namespace: str, unguarded: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    heard = []
    for where in (namespace, unguarded):
        rest.create(factory.database("orders", where, **old)).expect()
        answer = rest.merge(KIND, where, "orders", {"spec": new}, dryRun="All")
        assert answer.status == 422
        heard.append(by_cel(answer))
    assert heard[0] == heard[1]
