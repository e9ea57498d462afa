from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.outcome import Done, Stalled, Waiting
from controller.status import status, transitions
from schemas.types import PostgreSQLDatabase, decode
from tests.factory import complete_database, typed_database
from tests.worlds import members, pod, world

NOW = "2026-11-23T08:00:00Z"
LATER = "2026-11-23T09:00:00Z"


def condition(result: dict[str, Any], kind: str) -> tuple[str, str]:
    found = next(c for c in result["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def stored(result: dict[str, Any], **spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    return decode({**complete_database(**spec), "status": result})


def test_a_healthy_database_is_ready_in_every_column() -> None:
    around = world(members(3), server_version="17.6")
    result = status(typed_database(replicas=3), around, Done(), judged=True, now=NOW)
    assert (result["readyReplicas"], result["ready"], result["replicas"]) == (3, "3/3", 3)
    assert (result["primary"], result["currentVersion"], result["observedGeneration"]) == (
        "orders-0",
        "17.6",
        1,
    )
    assert condition(result, "Ready") == ("True", "Ready")
    assert condition(result, "Stalled") == ("False", "Ready")
    assert condition(result, "Replicated") == ("True", "Streaming")


def test_an_unchanged_world_gives_an_equal_status_at_any_time() -> None:
    around = world(members(3), server_version="17.6")
    first = status(typed_database(replicas=3), around, Done(), judged=True, now=NOW)
    assert status(stored(first, replicas=3), around, Done(), judged=True, now=LATER) == first


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    around = world(members(3))
    first = status(typed_database(replicas=3), around, Done(), judged=True, now=NOW)
    down = replace(around, instances=(*around.instances[:2], pod(2, ready=False)))
    waiting = Waiting(5, "StandbysCatchingUp", "2 of 3 instances serve")
    second = status(stored(first, replicas=3), down, waiting, judged=True, now=LATER)
    assert condition(second, "Ready") == ("False", "StandbysCatchingUp")
    assert [c["lastTransitionTime"] for c in second["conditions"] if c["type"] == "Ready"] == [LATER]
    assert [c["lastTransitionTime"] for c in second["conditions"] if c["type"] == "Stalled"] == [NOW]


def test_a_generation_that_was_not_judged_is_not_claimed() -> None:
    result = status(typed_database(), world(), Waiting(5, "Reconciling", ""), judged=False, now=NOW)
    assert "observedGeneration" not in result


def test_the_version_of_before_stays_while_nobody_answers() -> None:
    first = status(typed_database(), world(members(1), server_version="17.6"), Done(), judged=True, now=NOW)
    gone = status(stored(first), world(), Waiting(5, "NoPrimary", ""), judged=True, now=NOW)
    assert gone["currentVersion"] == "17.6"
    assert "primary" not in gone


def test_a_stalled_database_says_what_would_be_right() -> None:
    stalled = Stalled("StorageClassNotFound", "StorageClass nope does not exist")
    result = status(typed_database(), world(), stalled, judged=True, now=NOW)
    assert condition(result, "Ready") == ("False", "StorageClassNotFound")
    assert condition(result, "Stalled") == ("True", "StorageClassNotFound")


def test_a_primary_that_lost_the_lock_is_not_shown() -> None:
    around = world((pod(0, "primary"), pod(1, "primary")))
    lead = replace(around.leadership, holder="orders-1")
    result = status(
        typed_database(replicas=2), replace(around, leadership=lead), Done(), judged=True, now=NOW
    )
    assert result["primary"] == "orders-1"


@pytest.mark.parametrize(("behind", "said"), [(0, "0 MiB"), (1, "16 MiB"), (17 << 20, "32 MiB")])
def test_lag_is_told_in_whole_segments(behind: int, said: str) -> None:
    instances = (pod(0, "primary", position=100 << 20), pod(1, position=(100 << 20) - behind))
    result = status(typed_database(replicas=2), world(instances), Done(), judged=True, now=NOW)
    assert said in next(c["message"] for c in result["conditions"] if c["type"] == "Replicated")


def test_an_event_is_told_only_when_ready_changes() -> None:
    ready = status(typed_database(), world(members(1)), Done(), judged=True, now=NOW)
    assert transitions({}, ready) == [("Normal", "Ready", "1 of 1 instances serve")]
    assert transitions(ready, ready) == []
