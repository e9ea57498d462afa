"""What of a stored object may be acted on, and what its user has just asked for."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from controller.plan.judge import Judgement, judge
from controller.plan.planner import ACCEPTED
from tests.factory import complete_database, policy

TODAY = date(2026, 11, 23)


def judged(before: dict[str, Any] | None, **spec: Any) -> Judgement:  # noqa: ANN401
    accepted = json.dumps(complete_database(**before)["spec"]) if before is not None else ""
    statefulset = {"metadata": {"annotations": {ACCEPTED: accepted}}}
    return judge(complete_database(**spec), statefulset, policy(), TODAY)


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
    assert judged(before, **after).version_changed is changed


def test_a_refused_version_is_no_word_of_anybodys() -> None:
    judgement = judged({"version": "17.6"}, version="17.5")
    assert [violation.path for violation in judgement.violations] == ["spec.version"]
    assert not judgement.version_changed
    assert judgement.release
    assert judgement.release.version == "17.6"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '"17"'])
def test_a_damaged_note_of_what_was_accepted_counts_as_none(damaged: str) -> None:
    statefulset = {"metadata": {"annotations": {ACCEPTED: damaged}}}
    judgement = judge(complete_database(version="17.5"), statefulset, policy(), TODAY)
    assert judgement.db
    assert judgement.violations == ()
    assert not judgement.version_changed
