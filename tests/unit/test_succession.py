from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.objects import Key
from controller.observe.world import Instance, Leadership, Node, World
from controller.plan.actions import Switchover
from controller.report.succession import Chronicle
from tests.worlds import members, pod, world

KEY = Key("shop", "orders")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
KILLED = {"last_end": "OOMKilled, exit code 137", "last_end_at": NOON + timedelta(seconds=1)}
READY = {f"node-{n}": Node(ready=True, cordoned=False) for n in range(3)}


def led(instances: tuple[Instance, ...], holder: str | None, **lead: Any) -> World:  # noqa: ANN401
    given = {"acquired": NOON - timedelta(hours=1)} | lead
    return world(instances, nodes=READY, leadership=Leadership(holder, **given))


class Witness:
    """Somebody who looks at worlds at given seconds after noon."""

    def __init__(self, known: str | None = None) -> None:
        self.chronicle = Chronicle()
        self.known = known

    def sees(self, seconds: float, around: World) -> list[str]:
        """Look once."""
        now = NOON + timedelta(seconds=seconds)
        told = self.chronicle.look(KEY, self.known, around, now)
        return [f"{each.type} {each.reason}: {each.message}" for each in told]


BEFORE = led(members(3), "orders-0")
AFTER = led(
    (pod(0, ready=False, streaming=False), pod(1, "primary"), pod(2)),
    "orders-1",
    acquired=NOON + timedelta(seconds=3),
)


def changed(around: World, name: str, **changes: Any) -> World:  # noqa: ANN401
    instances = tuple(replace(i, **changes) if i.name == name else i for i in around.instances)
    return replace(around, instances=instances)


def test_a_killed_primary_is_told_of_and_then_who_took_over() -> None:
    witness = Witness()
    assert witness.sees(0, BEFORE) == []
    dead = changed(BEFORE, "orders-0", ready=False, ended=KILLED["last_end"], **KILLED)
    assert witness.sees(1.4, dead) == [
        (
            "Warning PrimaryLost: orders-0 was primary: its container ended (OOMKilled, exit code 137)"
            " at 12:00:01Z"
        )
    ]
    assert witness.sees(1.5, dead) == []
    assert witness.sees(3.4, changed(AFTER, "orders-0", **KILLED)) == [
        (
            "Warning FailedOver: orders-1 is primary since 12:00:03Z, after orders-0: its container ended"
            " (OOMKilled, exit code 137) at 12:00:01Z; writes were refused for about 2.0 s"
        )
    ]
    assert witness.sees(4, changed(AFTER, "orders-0", **KILLED)) == []


def test_an_end_that_the_kubelet_tells_of_late_is_taken_at_its_word() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    dead = changed(BEFORE, "orders-0", ready=False, ended="Error", **KILLED)
    assert "at 12:00:01Z" in witness.sees(9, dead)[0]


def test_a_container_that_was_started_again_at_once_has_ended_all_the_same() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    again = changed(BEFORE, "orders-0", ready=False, start_id="another", **KILLED)
    assert "PrimaryLost: orders-0 was primary: its container ended (OOMKilled" in witness.sees(2, again)[0]


def test_an_end_before_it_became_primary_is_another_story() -> None:
    witness = Witness()
    earlier = {"last_end": "Error, exit code 1", "last_end_at": NOON - timedelta(hours=2)}
    around = changed(BEFORE, "orders-0", **earlier)
    witness.sees(0, around)
    assert witness.sees(1, around) == []


def test_a_controller_that_was_not_there_tells_what_the_pods_still_show() -> None:
    witness = Witness(known="orders-0")
    assert witness.sees(3.4, changed(AFTER, "orders-0", **KILLED)) == [
        (
            "Warning FailedOver: orders-1 is primary since 12:00:03Z, after orders-0: its container ended"
            " (OOMKilled, exit code 137) at 12:00:01Z; writes were refused for about 2.4 s"
        )
    ]


def test_a_controller_that_saw_no_primary_knows_the_last_one_from_patroni() -> None:
    witness = Witness()
    nobody = led((pod(0, ready=False), pod(1), pod(2)), None, last_primary="orders-0")
    assert witness.sees(2, changed(nobody, "orders-0", ended="Error", **KILLED)) == [
        (
            "Warning PrimaryLost: orders-0 was primary: its container ended (OOMKilled, exit code 137)"
            " at 12:00:01Z"
        )
    ]


def test_a_switchover_that_was_asked_for_says_for_what() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    switch = Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")
    witness.chronicle.note(KEY, [switch], NOON + timedelta(seconds=1))
    assert witness.sees(1.2, BEFORE) == []
    assert witness.sees(3.2, AFTER) == [
        (
            "Normal SwitchedOver: orders-1 is primary since 12:00:03Z, after orders-0: it was asked to hand"
            " over, for node-0 is cordoned at 12:00:01Z; writes were refused for at most 2.2 s"
        )
    ]


def test_a_switchover_that_came_to_nothing_is_forgotten() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    witness.chronicle.note(KEY, [Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "a restart")], NOON)
    assert witness.sees(31, BEFORE) == []
    assert "it handed over" in witness.sees(60, AFTER)[0]


def test_a_switchover_by_hand_is_no_failover() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    assert witness.sees(2, led(BEFORE.instances, None)) == []
    assert witness.sees(3.2, AFTER) == [
        (
            "Normal SwitchedOver: orders-1 is primary since 12:00:03Z, after orders-0: it handed over"
            " at 12:00:02Z; writes were refused for at least 1.2 s"
        )
    ]


def test_a_primary_that_was_cut_off_lost_its_lock() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    cut = changed(AFTER, "orders-0", role="primary")
    assert witness.sees(20, cut) == [
        "Warning FailedOver: orders-1 is primary since 12:00:03Z, after orders-0: it did not renew its lock"
    ]


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({"uid": "another"}, "Warning PrimaryLost: orders-0 was primary: its pod is gone"),
        ({"deleting": True}, "Normal PrimaryEnding: orders-0 was primary: its pod is being deleted"),
        ({"state": "crashed"}, "Warning PrimaryLost: orders-0 was primary: its server crashed"),
    ],
)
def test_every_end_is_told_by_its_cause(changes: dict[str, Any], event: str) -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    assert witness.sees(2, changed(BEFORE, "orders-0", **changes)) == [f"{event} at 12:00:02Z"]


def test_a_node_that_is_not_heard_of_is_a_loss_when_the_lock_is_not_renewed() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    silent = replace(BEFORE, nodes=READY | {"node-0": Node(ready=False, cordoned=False)})
    alive = replace(silent, leadership=replace(silent.leadership, renewed=NOON + timedelta(seconds=38)))
    assert witness.sees(40, alive) == []
    assert witness.sees(60, alive) == [
        "Warning PrimaryLost: orders-0 was primary: its node node-0 is not Ready at 12:00:38Z"
    ]


def test_a_lock_that_is_not_renewed_on_a_node_that_is_heard_of_is_no_loss_yet() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    failsafe = replace(BEFORE, leadership=replace(BEFORE.leadership, renewed=NOON))
    assert witness.sees(60, failsafe) == []
    assert witness.sees(61, replace(failsafe, nodes={})) == []


def test_a_deleted_primary_hands_over_and_refuses_writes_for_less_than_it_takes_to_end() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    assert len(witness.sees(1, changed(BEFORE, "orders-0", deleting=True))) == 1
    assert witness.sees(3.2, changed(AFTER, "orders-0", deleting=True)) == [
        (
            "Normal SwitchedOver: orders-1 is primary since 12:00:03Z, after orders-0: its pod is being"
            " deleted at 12:00:01Z; writes were refused for at most 2.2 s"
        )
    ]


@pytest.mark.parametrize(
    "changes",
    [{"ready": False}, {"deleting": True}, {"ended": "Error, exit code 1"}, {"state": "starting"}],
)
def test_a_primary_that_is_not_well_yet_is_not_back(changes: dict[str, Any]) -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    assert len(witness.sees(1, changed(BEFORE, "orders-0", state="crashed"))) == 1
    assert witness.sees(2, changed(BEFORE, "orders-0", **changes)) == []
    (told,) = witness.sees(3, BEFORE)
    assert told.startswith("Normal PrimaryBack: orders-0 is primary since")


def test_one_end_is_one_loss_though_the_lock_was_never_lost() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    again = changed(BEFORE, "orders-0", start_id="another", **KILLED)
    assert len(witness.sees(2, changed(again, "orders-0", ready=False))) == 1
    assert len(witness.sees(3, again)) == 1
    assert [witness.sees(seconds, again) for seconds in (4, 5, 200)] == [[], [], []]


@pytest.mark.parametrize(("ago", "losses"), [(60, 1), (180, 0)])
def test_without_a_memory_only_a_recent_end_is_that_of_the_primary(ago: int, losses: int) -> None:
    witness = Witness(known="orders-0")
    end = {"last_end": "Error, exit code 1", "last_end_at": NOON - timedelta(seconds=ago)}
    nobody = led(tuple(replace(i, role="standby") for i in members(3)), "orders-9")
    assert len(witness.sees(0, changed(nobody, "orders-0", **end))) == losses


@pytest.mark.parametrize("leader", ["orders-0", "orders-2"])
def test_a_switchover_is_remembered_of_the_primary_that_was_asked(leader: str) -> None:
    witness = Witness()
    asked = Switchover(leader, None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")
    witness.chronicle.note(KEY, [asked], NOON)
    witness.sees(0, BEFORE)
    witness.chronicle.note(KEY, [], NOON)
    witness.chronicle.note(KEY, [asked], NOON)
    (told,) = witness.sees(3.2, AFTER)
    assert ("it was asked to hand over" in told) is (leader == "orders-0")


def test_a_primary_whose_pod_is_gone_is_missed() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    assert "its pod is gone" in witness.sees(1, replace(BEFORE, instances=BEFORE.instances[1:]))[0]


def test_a_single_instance_comes_back_by_itself() -> None:
    alone = led(members(1), "orders-0")
    witness = Witness()
    witness.sees(0, alone)
    dead = changed(alone, "orders-0", ready=False, ended="Error", **KILLED)
    assert len(witness.sees(1.5, dead)) == 1
    starting = changed(alone, "orders-0", ready=False, start_id="another", **KILLED)
    assert witness.sees(3, starting) == []
    back = changed(alone, "orders-0", start_id="another", **KILLED)
    back = replace(back, leadership=replace(back.leadership, acquired=NOON + timedelta(seconds=4)))
    assert witness.sees(5.5, back) == [
        (
            "Normal PrimaryBack: orders-0 is primary since 12:00:04Z again: its container ended"
            " (OOMKilled, exit code 137) at 12:00:01Z; writes were refused for about 4.0 s"
        )
    ]
    assert witness.sees(6, back) == []


def test_hibernation_is_no_loss() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    asleep = replace(BEFORE, children={"StatefulSet": {"orders": {"spec": {"replicas": 0}}}})
    assert witness.sees(1, changed(asleep, "orders-0", deleting=True)) == []
    assert witness.sees(2, replace(asleep, instances=())) == []


def test_the_first_primary_is_no_news() -> None:
    witness = Witness()
    assert witness.sees(0, led((pod(0, role=""),), None)) == []
    assert witness.sees(1, led(members(1), "orders-0")) == []


def test_what_is_forgotten_begins_anew() -> None:
    witness = Witness()
    witness.sees(0, BEFORE)
    witness.chronicle.forget(KEY)
    assert witness.sees(1, AFTER) == []
