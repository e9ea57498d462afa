from __future__ import annotations

import json

import pytest

from tests.laboratory.lateness import Step, Timeline, Value, longest, primary, whole
from tests.laboratory.reader import apply
from tests.laboratory.samples import PrimaryTerm
from tests.readiness import ready
from tests.rest import Object


def steps(*changes: tuple[float, Value | None]) -> list[Step]:
    return [Step(moment, value) for moment, value in changes]


def pod(role: str, *, is_ready: bool = True, streaming: bool = True, going: bool = False) -> Object:
    member = {"replication_state": "streaming"} if streaming and role == "standby" else {}
    deleted = {"deletionTimestamp": "now"} if going else {}
    labels, annotations = {"keddah.dev/role": role}, {"status": json.dumps(member)}
    return {
        "metadata": {"labels": labels, "annotations": annotations, **deleted},
        "status": {"conditions": [{"type": "Ready", "status": str(is_ready)}]},
    }


def test_the_worst_of_both_ways_counts() -> None:
    fact = steps((0, True), (5, False), (9, True))
    assert longest(fact, steps((0, True), (6, False), (12, True), (20, None))) == 3
    assert longest(fact, steps((0, True), (8, False), (10, True), (20, None))) == 3


def test_what_was_never_told_was_late_until_the_fact_was_over() -> None:
    assert longest(steps((0, True), (5, False), (9, True)), steps((0, True), (30, None))) == 4


def test_each_new_primary_is_late_for_itself() -> None:
    fact = steps((0, "a"), (5, "b"), (6, "c"), (9, None))
    assert longest(fact, steps((0, "a"), (8, "c"), (30, None))) == 2


def test_to_name_nobody_is_to_be_late_still() -> None:
    fact = steps((0, "a"), (5, "b"), (9, None))
    assert longest(fact, steps((0, "a"), (6, ""), (7, "b"), (30, None))) == 2


def test_a_primary_that_was_named_before_its_first_commit_is_not_late() -> None:
    fact = steps((0, "a"), (3, None), (5, "b"), (9, None))
    assert longest(fact, steps((0, "a"), (4, "b"), (30, None))) == 0


def test_where_nothing_changed_nothing_could_be_late() -> None:
    assert longest(steps((0, True), (5, None), (6, True)), steps((0, True))) is None


@pytest.mark.parametrize("reported", [[], [(0.0, None)]])
def test_where_nobody_watched_nothing_is_known(reported: list[tuple[float, Value | None]]) -> None:
    assert longest(steps((0, True), (5, False)), steps(*reported)) is None


def test_time_without_a_watch_is_not_counted() -> None:
    reported = steps((0, True), (6, None), (9, True), (10, False), (30, None))
    assert longest(steps((0, True), (5, False)), reported) == 1


def test_a_new_reign_begins_with_its_first_commit() -> None:
    timeline = Timeline(primary=steps((0, "a"), (5.5, "b"), (30, None)))
    assert timeline.named_late([PrimaryTerm("a", 0, 3), PrimaryTerm("b", 5, 9)]) == 0.5
    assert timeline.named_late([PrimaryTerm("a", 0, 9)]) is None


def test_all_that_changed_is_told_in_order_of_time() -> None:
    timeline = Timeline(steps((1, "a"), (2, "a"), (4, "b")), steps((3, True)), steps((2, False)))
    assert [(name, step.moment) for name, step in timeline.changes()] == [
        ("status.primary", 1),
        ("all pods serve", 2),
        ("Ready", 3),
        ("status.primary", 4),
    ]


def test_a_database_without_a_status_names_nobody_and_is_not_ready() -> None:
    assert primary({"status": {"primary": "db-0"}}) == "db-0"
    assert primary({}) == ""
    assert not ready({})


def test_one_that_leads_and_all_others_that_stream_are_a_whole() -> None:
    assert whole([pod("primary"), pod("standby")], 2)
    assert whole([pod("primary")], 1)
    assert not whole([pod("standby"), pod("standby")], 2)


@pytest.mark.parametrize(
    "other",
    [
        pod("primary"),
        pod("standby", is_ready=False),
        pod("standby", streaming=False),
        pod("standby", going=True),
    ],
    ids=["leads too", "not ready", "does not stream", "on its way out"],
)
def test_less_is_no_whole(other: Object) -> None:
    assert not whole([pod("primary"), other], 2)
    assert not whole([pod("primary"), pod("standby"), other], 2)


def test_a_watch_tells_what_there_is() -> None:
    there: dict[str, Object] = {}
    for kind, version in (("ADDED", 1), ("MODIFIED", 2), ("BOOKMARK", 3)):
        apply({"type": kind, "object": {"metadata": {"name": "a"}, "version": version}}, there)
    assert there == {"a": {"metadata": {"name": "a"}, "version": 2}}
    apply({"type": "DELETED", "object": {"metadata": {"name": "a"}}}, there)
    assert there == {}
    with pytest.raises(ValueError, match="too old"):
        apply({"type": "ERROR", "object": {"message": "too old resource version"}}, there)
