"""Rules that exist twice, in CEL and in Python: both halves say the same, with and without the webhook."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import relations
from schemas.review import Review
from schemas.types import decode
from tests import factory

if TYPE_CHECKING:
    from tests.rest import Answer, Rest

KIND = "PostgreSQLDatabase"
REPOSITORIES: tuple[dict[str, Any], ...] = (
    {},
    {"volume": {"size": "10Gi"}},
    {"volume": {"size": "20Gi"}},
    {"volume": {}},
    {"volume": {"size": "2e9"}, "s3": {"bucket": "abc", "endpoint": "e", "credentials": {"name": "s"}}},
    {"s3": {"bucket": "abc", "endpoint": "e", "credentials": {"name": "s"}}},
)
SIZES = ("10Gi", "10240Mi", "1e10", "9Gi", "20Gi", "10737418240", "10737418239", "0.01Ti")
STORED: tuple[dict[str, Any], ...] = (
    {},
    {"version": "17", "storage": {"size": "10Gi"}, "database": "sales", "owner": "sales"},
    {"version": "17.6", "storage": {"storageClassName": "fast"}, "restore": {"from": "ledger"}},
    {"version": "9", "storage": {"size": "10Gi", "storageClassName": "fast"}},
    {
        "backup": {"repository": {"volume": {"size": "10Gi"}}},
        "restore": {"from": "ledger", "targetTime": "2026-11-23T08:00:00Z"},
    },
)
"""Objects that are there; what changes are made to them is up to Hypothesis."""


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


SPECS: st.SearchStrategy[dict[str, Any]] = optional(
    version=st.sampled_from(["16", "17", "17.5", "17.6", "18", "9", "9.6", "10", "17.0"]),
    database=st.sampled_from(["app", "sales"]),
    owner=st.sampled_from(["app", "sales"]),
    replicas=st.sampled_from([1, 2]),
    synchronous=st.sampled_from(["Quorum", "Strict"]),
    storage=optional(size=st.sampled_from(SIZES), storageClassName=st.sampled_from(["fast", "slow"])),
    backup=optional(repository=st.sampled_from(REPOSITORIES)),
    restore=optional(
        targetTime=st.sampled_from(
            ["2026-11-23T08:00:00Z", "2026-11-23T09:00:00+01:00", "2026-11-23T09:00:00Z"]
        )
    ).map(lambda rest: {"from": "ledger", **rest}),
)


@pytest.fixture(scope="module")
def stored(rest: Rest, shared_unguarded: str) -> list[dict[str, Any]]:
    manifests = [factory.database(f"stored-{n}", shared_unguarded, **spec) for n, spec in enumerate(STORED)]
    return [rest.create(manifest).expect() for manifest in manifests]


def by_cel(answer: Answer) -> set[tuple[str, str]]:
    """Give path and message of each cause: `Invalid value: "string": got …` comes from a CEL rule."""
    return {(path, message[message.index("got ") :]) for path, message in answer.causes.items()}


def by_python(new: dict[str, Any], old: dict[str, Any] | None) -> set[tuple[str, str]]:
    before = None if old is None else decode(old)
    review = Review(decode(new), before, factory.policy(), date(2026, 11, 23))
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
def test_every_relation_is_broken_by_some_change(relation: relations.Relation) -> None:
    breaking: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"database": "a"}, {"database": "b"}),
        ({"owner": "a"}, {"owner": "b"}),
        ({"version": "18"}, {"version": "17"}),
        ({"storage": {"storageClassName": "fast"}}, {}),
        ({"storage": {"size": "2Gi"}}, {"storage": {"size": "1Gi"}}),
        ({}, {"backup": {"repository": REPOSITORIES[4]}}),
        ({"backup": {"repository": REPOSITORIES[2]}}, {"backup": {"repository": REPOSITORIES[1]}}),
        ({}, {"restore": {"from": "ledger"}}),
        ({}, {"replicas": 1, "synchronous": "Strict"}),
    ]
    broken = [
        relation.violation(
            Review(
                decode(factory.database(**new)),
                decode(factory.database(**old)),
                factory.policy(),
                date(2026, 11, 23),
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
