from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.observe.state import Leadership, Node, ObservedState
from controller.plan.actions import RelabelStandby, ReleaseLock, TriggerLoop
from controller.plan.instances.failover import loop_triggers, mislabelled, release
from controller.plan.outcome import Hold
from tests.states import members, observed, pod

ENDED = "Error, exit code 137"
READY = {f"node-{n}": Node(ready=True, cordoned=False) for n in range(3)}

RENEWED = datetime(2026, 7, 1, 12, 0, 5, 600_000, tzinfo=UTC)
END = RENEWED.replace(microsecond=0)
"""The kubelet cuts fractions off, so an end within the second of the renewal seems to be before it."""
TIMES = {"started_at": END - timedelta(hours=1), "ended_at": END}


GOING = "waiting until no commit waits for"


def crashed(**holder: Any) -> ObservedState:  # noqa: ANN401
    """Give three instances whose primary's container has just ended."""
    instances = (pod(0, "primary", ready=False, ended=ENDED, **(TIMES | holder)), pod(1), pod(2))
    lead = Leadership(
        "orders-0",
        frozenset({"orders-1", "orders-2"}),
        quorum=1,
        initialized=True,
        lock_version="7",
        renewed=RENEWED,
    )
    return observed(instances, nodes=READY, leadership=lead)


def test_the_lock_of_a_dead_primary_is_released_as_it_was_seen() -> None:
    reason = "its container has ended (Error, exit code 137) on a Ready node"
    assert release(crashed(), "orders") == ReleaseLock("orders-0", "orders-leader", "7", reason)


def test_where_nodes_may_not_be_read_the_pods_tell() -> None:
    assert isinstance(release(replace(crashed(), nodes=None), "orders"), ReleaseLock)


@pytest.mark.parametrize(
    ("world_changes", "holder_changes", "why"),
    [
        ({}, {"ended": ""}, "its container runs"),
        ({"nodes": {}}, {}, "its node is not Ready"),
        ({"nodes": {"node-0": Node(ready=False, cordoned=False)}}, {}, "its node is not Ready"),
        ({}, {"shares_processes": True}, "share their processes"),
        ({"leadership": Leadership("orders-0", paused=True)}, {}, "Patroni is paused"),
        ({"leadership": Leadership("orders-9")}, {}, "the lock's holder has no pod"),
        ({"leadership": Leadership(None)}, {}, "the lock's holder has no pod"),
        (
            {"leadership": Leadership("orders-0", frozenset({"orders-9"}), renewed=RENEWED)},
            {},
            "no other instance is fit",
        ),
        ({"leadership": Leadership("orders-0", alone=True, renewed=RENEWED)}, {}, "no other instance is fit"),
        ({}, {"ended_at": END - timedelta(seconds=1)}, "another may run"),
        ({}, {"started_at": RENEWED + timedelta(seconds=1)}, "another may run"),
        ({}, {"ended_at": None}, "another may run"),
        ({}, {"started_at": None}, "another may run"),
        ({"leadership": Leadership("orders-0", frozenset({"orders-1"}))}, {}, "another may run"),
    ],
)
def test_every_doubt_leaves_the_lock(
    world_changes: dict[str, Any], holder_changes: dict[str, Any], why: str
) -> None:
    around = crashed()
    holder = replace(around.instances[0], **holder_changes)
    around = replace(around, instances=(holder, *around.instances[1:]), **world_changes)
    hold = release(around, "orders")
    assert isinstance(hold, Hold)
    assert why in hold.reason


@pytest.mark.parametrize(
    "standby", [{"ready": False}, {"deleting": True}, {"state": "starting"}, {"ended": ENDED}]
)
def test_without_a_fit_standby_the_lock_stays(standby: dict[str, Any]) -> None:
    around = crashed()
    standbys = tuple(replace(i, **standby) for i in around.instances[1:])
    assert isinstance(release(replace(around, instances=(around.instances[0], *standbys)), "orders"), Hold)


def test_a_lock_that_too_few_voters_could_take_stays() -> None:
    around = crashed()
    assert isinstance(release(replace(around, instances=around.instances[:2]), "orders"), Hold)


def test_a_single_instance_keeps_its_lock() -> None:
    around = crashed()
    assert isinstance(release(replace(around, instances=around.instances[:1]), "orders"), Hold)


def test_a_second_pod_labelled_primary_is_relabelled() -> None:
    around = observed((pod(0, "primary"), pod(1, "primary")), leadership=Leadership("orders-1"))
    assert mislabelled(around) == [RelabelStandby("orders-0", "orders-1 holds the lock")]


def test_the_only_pod_labelled_primary_is_left_until_another_takes_over() -> None:
    around = observed((pod(0, "primary"), pod(1)), leadership=Leadership("orders-1"))
    assert mislabelled(around) == []


@pytest.mark.parametrize("gone", [{"ended": ENDED}, {"deleting": True}])
def test_the_primary_is_woken_to_stop_counting_on_a_standby_that_is_gone(gone: dict[str, Any]) -> None:
    lead = Leadership("orders-0", frozenset({"orders-1", "orders-2"}))
    around = observed((pod(0, "primary"), pod(1, **gone), pod(2)), leadership=lead)
    assert loop_triggers(around) == [
        TriggerLoop("orders-0", "192.0.2.1", f"{GOING} orders-1, gone or stopping")
    ]


def test_the_primary_is_woken_to_stop_counting_on_a_standby_without_a_pod() -> None:
    lead = Leadership("orders-0", frozenset({"orders-1", "orders-2"}))
    around = observed((pod(0, "primary"), pod(1)), leadership=lead)
    assert loop_triggers(around) == [
        TriggerLoop("orders-0", "192.0.2.1", f"{GOING} orders-2, gone or stopping")
    ]


def test_the_primary_is_woken_to_count_on_a_standby_that_follows_now() -> None:
    lead = Leadership("orders-0", frozenset({"orders-2"}), last_primary="orders-0")
    around = observed(members(3), leadership=lead)
    assert loop_triggers(around) == [
        TriggerLoop("orders-0", "192.0.2.1", "waiting until commits wait for orders-1 too")
    ]


@pytest.mark.parametrize(
    ("standby", "lead"),
    [
        ({"streaming": False}, Leadership("orders-0", frozenset({"orders-2"}), last_primary="orders-0")),
        ({}, Leadership("orders-0", frozenset({"orders-1", "orders-2"}), last_primary="orders-0")),
        ({}, Leadership("orders-0")),
    ],
    ids=["not following", "counted on", "asynchronous"],
)
def test_the_primary_is_not_woken_for_a_standby_that_it_cannot_count_on(
    standby: dict[str, Any], lead: Leadership
) -> None:
    around = observed((pod(0, "primary"), pod(1, **standby), pod(2)), leadership=lead)
    assert loop_triggers(around) == []


@pytest.mark.parametrize(
    ("primary", "lead"),
    [
        ({}, Leadership("orders-0", frozenset({"orders-2"}))),
        ({}, Leadership("orders-0")),
        ({}, Leadership("orders-0", frozenset({"orders-1"}), paused=True)),
        ({}, Leadership("orders-2", frozenset({"orders-1"}))),
        ({"ended": ENDED}, Leadership("orders-0", frozenset({"orders-1"}))),
        ({"ip": ""}, Leadership("orders-0", frozenset({"orders-1"}))),
    ],
    ids=["not counted", "none counted", "paused", "no primary", "primary dead", "no address"],
)
def test_nobody_is_woken_without_need(primary: dict[str, Any], lead: Leadership) -> None:
    around = observed((pod(0, "primary", **primary), pod(1, ended=ENDED), pod(2)), leadership=lead)
    assert loop_triggers(around) == []
