"""How large an object may be: what is too large is named once, and nobody works on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.desired.instances import children
from controller.plan.acceptance import ACCEPTED
from controller.plan.validation import validate
from schemas import extent
from schemas.admit import admit
from tests import factory, hostile
from tests.verdicts import NOW, POLICY, refused

OTHERS = 40_000
"""Bytes for what others add: Patroni's state and history, and the annotations of other tools."""


def wide(count: int) -> dict[str, str]:
    """Give so many annotations."""
    return {f"a{index}": "" for index in range(count)}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"hba": [0] * 100_000}, "spec.hba: got 100,000 items; must have at most 512 items"),
        ({"hba": [[]] * 100_000}, "spec.hba: got 100,000 items; must have at most 512 items"),
        ({"parameters": wide(2000)}, "spec.parameters: got 2,000 names; must have at most 512 names"),
        (
            {"template": {"annotations": wide(2000)}},
            "spec.template.annotations: got 2,000 names; must have at most 256 names",
        ),
        (
            {"template": {"tolerations": [{}] * 2000}},
            "spec.template.tolerations: got 2,000 items; must have at most 1024 entries",
        ),
        (
            {"template": {"tolerations": [{}] * 1025}},
            "spec.template.tolerations: got 1,025 items; must have at most 1024 entries",
        ),
        (
            {"template": {"affinity": hostile.nested(100)}},
            "spec.template.affinity.nodeAffinity",
        ),
        (
            {"template": {"affinity": {"nodeAffinity": [[0] * 1000] * 1000}}},
            "spec.template.affinity.nodeAffinity: got 1,000 items; must hold at most 5,000 values (lists,",
        ),
        ({"backupSchedule": "*" * 200_000}, "spec.backupSchedule: got 200,000 characters; must have at most"),
        ({"database": [0] * 9999}, "spec.database: got 9,999 items; must be a string of 1 to 63 characters"),
    ],
)
def test_what_is_too_large_is_one_mistake(spec: dict[str, Any], message: str) -> None:
    (violation,) = refused(**spec)
    assert violation.startswith(message)


def test_it_does_not_hide_the_other_mistakes() -> None:
    found = refused(hba=[0] * 9999, replicas=0, parameters={"shared_buffer": "1GB"})
    assert [violation.partition(":")[0] for violation in found] == [
        "spec.hba",
        "spec.replicas",
        "spec.parameters.shared_buffer",
    ]


def test_a_spec_whose_children_could_not_be_stored_is_refused_with_its_sum() -> None:
    # What issue 8 saw: each is right by itself, and NAME-config or the StatefulSet could not hold it.
    lines = [f"hostssl all all 10.0.0.0/8 scram-sha-256 pamservice={'a' * 546}" for _ in range(500)]
    (violation,) = refused(hba=[line[:599] for line in lines])
    assert violation.startswith("spec: got 300,696 bytes as JSON (hba 300,501, ")
    assert "must be at most 196,608, for annotations of Kubernetes hold 262,144" in violation
    (violation,) = refused(template={"annotations": {"a": "x" * 270_000}})
    assert violation.startswith("spec.template.annotations.a: got 270,000 characters; must have at most")
    (violation,) = refused(template={"annotations": {"a": "x" * 100_000, "b": "x" * 100_000}})
    assert violation.startswith("spec: got 200,")


def test_the_sum_is_of_what_is_stored_whatever_the_letters_are() -> None:
    assert refused(template={"annotations": {"a": "x" * 190_000}}) == []
    (violation,) = refused(template={"annotations": {"a": "\N{ELEPHANT}" * 20_000}})
    assert violation.startswith("spec: got 240,")


def test_what_is_stored_may_stay_and_shrink_and_not_grow() -> None:
    def database(count: int, **more: object) -> dict[str, Any]:
        return factory.complete_database(template={"annotations": wide(count)}, **more)

    stored = database(2000)
    assert admit(database(2000, replicas=2), stored, policy=POLICY, now=NOW).accepted
    assert not admit(database(2001), stored, policy=POLICY, now=NOW).accepted
    large = factory.complete_database(template={"annotations": {str(i): "x" * 100_000 for i in range(3)}})
    smaller = factory.complete_database(template={"annotations": {str(i): "x" * 99_000 for i in range(3)}})
    assert admit(smaller, large, policy=POLICY, now=NOW).accepted
    assert not admit(large, smaller, policy=POLICY, now=NOW).accepted


@pytest.mark.parametrize("kind", hostile.LARGEST)
def test_all_children_of_the_largest_spec_fit_into_annotations(kind: str) -> None:
    manifest = factory.complete_database(**hostile.largest(kind))
    assert extent.LARGEST_SPEC - 500 < extent.size(manifest["spec"]) <= extent.LARGEST_SPEC
    decision = validate(manifest, None, factory.policy(), NOW)
    assert decision.db is not None, decision.violations
    assert len(decision.accepted) == extent.size(manifest["spec"])
    made = children(decision.db, "image", instances=9, operator_namespace="keddah-system")
    for child in made:
        stored = child["metadata"].get("annotations", {})
        if child["kind"] == "StatefulSet":
            stored = {**stored, ACCEPTED: decision.accepted}
            assert room(child["spec"]["template"]["metadata"]["annotations"]) > OTHERS, kind
        assert room(stored) > OTHERS, (kind, child["kind"])


def room(annotations: dict[str, str]) -> int:
    """Return the bytes that are left, as the API server counts them."""
    return extent.ANNOTATIONS - sum(
        len(key.encode()) + len(value.encode()) for key, value in annotations.items()
    )


def test_too_many_mistakes_are_not_all_looked_for() -> None:
    assert len(refused(hba=["nonsense"] * 512)) == extent.MOST_VIOLATIONS + 1
    assert len(refused(hba=[0] * 512)) == extent.MOST_VIOLATIONS + 1


def test_a_stored_mistake_does_not_hide_a_new_one_behind_many() -> None:
    old = factory.complete_database(hba=[0] * 400)
    new = factory.complete_database(hba=[0] * 400 + [1])
    (violation,) = admit(new, old, policy=POLICY, now=NOW).violations
    assert violation.path == "spec.hba[400]"


@pytest.mark.parametrize("kind", ["hba: numbers", "affinity: deep 900", "affinity: wide and deep"])
def test_the_controller_judges_it_too(kind: str) -> None:
    decision = validate(hostile.manifest(kind), None, factory.policy(), NOW)
    assert decision.db is None
    assert len(json.dumps([str(violation) for violation in decision.violations])) < 10_000
