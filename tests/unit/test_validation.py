"""What of a stored object may be acted on, and what its user has just asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.observe.state import ObservedState
from controller.plan.acceptance import ACCEPTED, NOTE, acceptance
from controller.plan.validation import Decision, validate
from tests.factory import complete_database, policy

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def validated(before: dict[str, Any] | None, **spec: Any) -> Decision:  # noqa: ANN401
    accepted = json.dumps(complete_database(**before)["spec"]) if before is not None else ""
    return judged(complete_database(**spec), accepted)


def judged(manifest: dict[str, Any], accepted: str) -> Decision:
    statefulset = {"metadata": {"annotations": {ACCEPTED: accepted}}}
    observed = ObservedState(children={"StatefulSet": {"orders": statefulset}})
    return validate(manifest, acceptance(manifest, observed), policy(), NOW)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({"version": "17.5"}, {"version": "17.6"}, True),
        ({"version": "17"}, {"version": "17.6"}, True),
        ({"version": "17"}, {"version": "17", "replicas": 3}, False),
        (None, {"version": "17"}, False),
    ],
)
def test_a_changed_version_is_its_users_word(
    before: dict[str, Any] | None, after: dict[str, Any], changed: object
) -> None:
    assert validated(before, **after).version_changed is changed


def test_a_refused_version_is_no_word_of_anybodys() -> None:
    decision = validated({"version": "17.6"}, version="17.5")
    assert [violation.path for violation in decision.violations] == ["spec.version"]
    assert not decision.version_changed
    assert decision.release
    assert decision.release.version == "17.6"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '"17"'])
def test_a_damaged_note_of_what_was_accepted_counts_as_none(damaged: str) -> None:
    decision = judged(complete_database(version="17.5"), damaged)
    assert decision.db
    assert decision.violations == ()
    assert not decision.version_changed


def test_nulls_in_what_was_accepted_count_as_absent() -> None:
    decision = validated({"template": {"affinity": {"nodeAffinity": None}}}, replicas=1000)
    assert [violation.path for violation in decision.violations] == ["spec.replicas"]
    assert decision.db
    assert decision.db.spec.template
    assert not decision.db.spec.template.affinity or not decision.db.spec.template.affinity.node_affinity


def test_what_cannot_be_read_any_more_is_refused_with_its_mistake() -> None:
    spread = {"template": {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}]}}
    decision = validated(spread, **spread)
    assert decision.db is None
    assert [violation.path for violation in decision.violations] == [
        "spec.template.topologySpreadConstraints[0].whenUnsatisfiable"
    ]


def lost(uid: str, **before: Any) -> ObservedState:  # noqa: ANN401
    """Give what is left of a database whose StatefulSet was deleted, after a note of this object's."""
    note = json.dumps({"uid": uid, "spec": complete_database(**before)["spec"], "template": {"spec": {}}})
    config = {"metadata": {"name": "orders-config"}, "data": {NOTE: note}}
    return ObservedState(children={"ConfigMap": {"orders-config": config}})


def test_the_note_beside_the_volumes_stands_for_a_lost_statefulset() -> None:
    manifest, observed = complete_database(version="15.1"), lost("uid-of-orders", version="15.1")
    decision = validate(manifest, acceptance(manifest, observed), policy(), NOW)
    assert decision.violations == ()
    assert decision.db
    assert decision.release is None
    assert decision.written == {"spec": {}}


def test_the_note_of_a_former_object_of_the_name_is_none_of_this_ones() -> None:
    manifest, observed = complete_database(version="15.1"), lost("uid-of-another", version="15.1")
    decision = validate(manifest, acceptance(manifest, observed), policy(), NOW)
    assert [violation.path for violation in decision.violations] == ["spec.version"]
    assert decision.db is None


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", '{"uid": "uid-of-orders"}', '{"uid": "uid-of-orders", "spec": 1}']
)
def test_a_damaged_note_is_none(damaged: str) -> None:
    observed = lost("uid-of-orders")
    observed.children["ConfigMap"]["orders-config"]["data"][NOTE] = damaged
    assert acceptance(complete_database(), observed) is None
