from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.observe.instances.instance import Instance
from controller.observe.state import Leadership, Node, ObservedState
from controller.plan.actions import Switchover
from controller.report import primaries
from controller.report.primaries import PrimaryTerm, followed
from tests.states import members, observed, pod

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
KILLED = {"last_end": "OOMKilled, exit code 137", "last_end_at": NOON + timedelta(seconds=1)}
READY = {f"node-{n}": Node(ready=True, cordoned=False) for n in range(3)}


def led(instances: tuple[Instance, ...], holder: str | None, **lead: Any) -> ObservedState:  # noqa: ANN401
    given = {"acquired": NOON - timedelta(hours=1)} | lead
    return observed(instances, nodes=READY, leadership=Leadership(holder, **given))


class Scenario:
    """A tracker that observes worlds at given seconds after noon."""

    def __init__(self, known: str | None = None) -> None:
        self.term: PrimaryTerm | None = None
        self.known = known

    def observe(self, seconds: float, around: ObservedState) -> list[str]:
        """Return the events of one observation."""
        now = NOON + timedelta(seconds=seconds)
        self.term, events = followed(self.term, self.known, around, now)
        return [f"{each.type} {each.reason}: {each.message}" for each in events]

    def asked(self, done: list[Switchover], began: datetime) -> None:
        """Take note of what a reconcile did."""
        self.term = primaries.asked(self.term, done, began)


BEFORE = led(members(3), "orders-0")
AFTER = led(
    (pod(0, ready=False, streaming=False), pod(1, "primary"), pod(2)),
    "orders-1",
    acquired=NOON + timedelta(seconds=3),
)


def changed(around: ObservedState, name: str, **changes: Any) -> ObservedState:  # noqa: ANN401
    instances = tuple(replace(i, **changes) if i.name == name else i for i in around.instances)
    return replace(around, instances=instances)


def test_a_killed_primary_is_reported_and_then_its_successor() -> None:
    scenario = Scenario()
    assert scenario.observe(0, BEFORE) == []
    dead = changed(BEFORE, "orders-0", ready=False, ended=KILLED["last_end"], **KILLED)
    assert scenario.observe(1.4, dead) == [
        (
            "Warning PrimaryLost: orders-0 was primary: its container ended (OOMKilled, exit code 137)"
            " at 12:00:01Z"
        )
    ]
    assert scenario.observe(1.5, dead) == []
    assert scenario.observe(3.4, changed(AFTER, "orders-0", **KILLED)) == [
        (
            "Warning FailedOver: orders-1 is primary since 12:00:03Z, after orders-0: its container ended"
            " (OOMKilled, exit code 137) at 12:00:01Z; writes were refused for about 2.0 s"
        )
    ]
    assert scenario.observe(4, changed(AFTER, "orders-0", **KILLED)) == []


def test_a_termination_reported_late_keeps_the_kubelets_timestamp() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    dead = changed(BEFORE, "orders-0", ready=False, ended="Error", **KILLED)
    assert "at 12:00:01Z" in scenario.observe(9, dead)[0]


def test_a_container_that_restarted_at_once_is_still_a_loss() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    again = changed(BEFORE, "orders-0", ready=False, start_id="another", **KILLED)
    assert (
        "PrimaryLost: orders-0 was primary: its container ended (OOMKilled" in scenario.observe(2, again)[0]
    )


def test_a_termination_before_the_term_is_ignored() -> None:
    scenario = Scenario()
    earlier = {"last_end": "Error, exit code 1", "last_end_at": NOON - timedelta(hours=2)}
    around = changed(BEFORE, "orders-0", **earlier)
    scenario.observe(0, around)
    assert scenario.observe(1, around) == []


def test_a_restarted_controller_reports_what_the_pods_still_show() -> None:
    scenario = Scenario(known="orders-0")
    assert scenario.observe(3.4, changed(AFTER, "orders-0", **KILLED)) == [
        (
            "Warning FailedOver: orders-1 is primary since 12:00:03Z, after orders-0: its container ended"
            " (OOMKilled, exit code 137) at 12:00:01Z; writes were refused for about 2.4 s"
        )
    ]


def test_without_a_known_primary_the_last_one_is_taken_from_patroni() -> None:
    scenario = Scenario()
    nobody = led((pod(0, ready=False), pod(1), pod(2)), None, last_primary="orders-0")
    assert scenario.observe(2, changed(nobody, "orders-0", ended="Error", **KILLED)) == [
        (
            "Warning PrimaryLost: orders-0 was primary: its container ended (OOMKilled, exit code 137)"
            " at 12:00:01Z"
        )
    ]


def test_a_requested_switchover_is_reported_with_its_reason() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    switch = Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")
    scenario.asked([switch], NOON + timedelta(seconds=1))
    assert scenario.observe(1.2, BEFORE) == []
    assert scenario.observe(3.2, AFTER) == [
        (
            "Normal SwitchedOver: orders-1 is primary since 12:00:03Z, after orders-0: it was asked to hand"
            " over, for node-0 is cordoned at 12:00:01Z; writes were refused for at most 2.2 s"
        )
    ]


def test_a_requested_switchover_without_effect_is_forgotten() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    scenario.asked([Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "a restart")], NOON)
    assert scenario.observe(31, BEFORE) == []
    assert "it handed over" in scenario.observe(60, AFTER)[0]


GONE = "Error, exit code 255"
"""As containerd says after a power loss."""


def powered_on(holder: str | None, *, others: bool = True, **lead: Any) -> ObservedState:  # noqa: ANN401
    """Give the world ten minutes after noon, a moment after the power came back; nobody knows since when."""
    back = {"last_end": GONE, "running_since": NOON + timedelta(seconds=600), "start_id": "another"}
    around = led(tuple(pod(n, "primary" if f"orders-{n}" == holder else "standby") for n in range(3)), holder)
    around = replace(around, leadership=replace(around.leadership, **lead))
    for name in ("orders-0", *(("orders-1", "orders-2") if others else ())):
        around = changed(around, name, **back)
    return around


@pytest.mark.parametrize("known", ["orders-0", None])
def test_after_a_power_loss_of_all_nodes_nobody_handed_over(known: str | None) -> None:
    # With `known` the controller is a new one; else it outlived the loss, as on a node of its own.
    scenario = Scenario(known)
    if known is None:
        scenario.observe(0, BEFORE)
    # A Patroni that starts without a server releases the lock that it finds itself holding.
    lost = "orders-0 was primary: all instances had stopped, its container ended"
    assert scenario.observe(604, powered_on(None)) == [f"Warning PrimaryLost: {lost} ({GONE}) at 12:10:00Z"]
    (event,) = scenario.observe(606, powered_on("orders-1", acquired=NOON + timedelta(seconds=605)))
    assert event.startswith("Warning FailedOver: orders-1 is primary since 12:10:05Z, after orders-0: all")
    assert "handed over" not in event


def test_a_primary_is_not_back_before_its_new_container_renewed_the_lock() -> None:
    scenario = Scenario("orders-0")
    # What it said of itself, its label, and the lock are from before the loss.
    stale = powered_on("orders-0", renewed=NOON)
    assert len(scenario.observe(601, stale)) == 1
    assert scenario.observe(602, stale) == []
    assert scenario.observe(603, powered_on(None, renewed=NOON + timedelta(seconds=602))) == []
    (event,) = scenario.observe(606, powered_on("orders-1", acquired=NOON + timedelta(seconds=605)))
    assert event.startswith("Warning FailedOver: orders-1 is primary since 12:10:05Z, after orders-0: all")
    back = powered_on("orders-0", renewed=NOON + timedelta(seconds=604))
    other = Scenario("orders-0")
    assert [len(other.observe(seconds, stale)) for seconds in (601, 602)] == [1, 0]
    assert other.observe(605, back)[0].startswith("Normal PrimaryBack: ")


def test_a_lock_that_was_inherited_and_released_at_once_was_not_handed_over() -> None:
    scenario = Scenario("orders-0")
    # For a moment all looks as if it were back: it renews the lock that it finds, and then releases it.
    back = powered_on("orders-0", renewed=NOON + timedelta(seconds=602))
    told = [*scenario.observe(601, back), *scenario.observe(602, back), *scenario.observe(603, back)]
    assert [event.split(":")[0] for event in told] == ["Warning PrimaryLost", "Normal PrimaryBack"]
    assert scenario.observe(604, powered_on(None))[0].startswith("Warning PrimaryLost: ")
    (event,) = scenario.observe(606, powered_on("orders-1", acquired=NOON + timedelta(seconds=605)))
    assert event.startswith("Warning FailedOver: orders-1 is primary since 12:10:05Z, after orders-0: all")


def test_a_kubelet_that_tells_late_of_the_end_corrects_the_guess() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    # The pods still look as they did before the power was lost.
    assert scenario.observe(601, led(BEFORE.instances, None)) == []
    (event,) = scenario.observe(606, powered_on("orders-1", acquired=NOON + timedelta(seconds=605)))
    assert event.startswith("Warning FailedOver: orders-1 is primary since 12:10:05Z, after orders-0: all")


def test_a_lock_that_is_released_on_a_node_that_is_not_ready_was_not_handed_over() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    gone = replace(led(BEFORE.instances, None), nodes={"node-0": Node(ready=False, cordoned=False)})
    (event,) = scenario.observe(601, gone)
    assert event.startswith("Warning PrimaryLost: orders-0 was primary: its node node-0 is not Ready")


def test_a_controller_that_sees_only_the_successor_knows_that_all_had_stopped() -> None:
    scenario = Scenario("orders-0")
    (event,) = scenario.observe(900, powered_on("orders-1", acquired=NOON + timedelta(seconds=605)))
    assert event.startswith("Warning FailedOver: ")
    assert f"all instances had stopped, its container ended ({GONE})" in event


def test_the_end_of_one_container_is_not_said_of_all() -> None:
    scenario = Scenario("orders-0")
    (event,) = scenario.observe(604, powered_on(None, others=False))
    assert event == f"Warning PrimaryLost: orders-0 was primary: its container ended ({GONE}) at 12:10:00Z"


def test_containers_that_were_killed_one_by_one_did_not_stop_together() -> None:
    scenario = Scenario("orders-0")
    around = powered_on(None)
    killed = tuple(replace(i, last_end="Error, exit code 137") for i in around.instances)
    (event,) = scenario.observe(604, replace(around, instances=killed))
    assert "was primary: its container ended (Error, exit code 137)" in event


def test_a_container_that_restarted_long_ago_did_hand_over() -> None:
    scenario = Scenario("orders-0")
    earlier = powered_on("orders-1", acquired=NOON + timedelta(hours=3))
    (event,) = scenario.observe(3 * 3600 + 2, earlier)
    assert event.startswith("Normal SwitchedOver: ")
    assert "it handed over" in event


def test_a_manual_switchover_is_not_a_failover() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    assert scenario.observe(2, led(BEFORE.instances, None)) == []
    assert scenario.observe(3.2, AFTER) == [
        (
            "Normal SwitchedOver: orders-1 is primary since 12:00:03Z, after orders-0: it handed over"
            " at 12:00:02Z; writes were refused for at least 1.2 s"
        )
    ]


def test_a_partitioned_primary_is_reported_as_not_renewing_its_lock() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    cut = changed(AFTER, "orders-0", role="primary")
    assert scenario.observe(20, cut) == [
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
def test_every_loss_is_reported_with_its_cause(changes: dict[str, Any], event: str) -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    assert scenario.observe(2, changed(BEFORE, "orders-0", **changes)) == [f"{event} at 12:00:02Z"]


def test_a_node_that_is_not_ready_is_a_loss_when_the_lock_is_not_renewed() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    silent = replace(BEFORE, nodes=READY | {"node-0": Node(ready=False, cordoned=False)})
    alive = replace(silent, leadership=replace(silent.leadership, renewed=NOON + timedelta(seconds=38)))
    assert scenario.observe(40, alive) == []
    assert scenario.observe(60, alive) == [
        "Warning PrimaryLost: orders-0 was primary: its node node-0 is not Ready at 12:00:38Z"
    ]


def test_a_lock_that_is_not_renewed_on_a_ready_node_is_no_loss_yet() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    failsafe = replace(BEFORE, leadership=replace(BEFORE.leadership, renewed=NOON))
    assert scenario.observe(60, failsafe) == []
    assert scenario.observe(61, replace(failsafe, nodes={})) == []


def test_a_deleted_primary_hands_over_and_refuses_writes_for_less_than_its_shutdown() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    assert len(scenario.observe(1, changed(BEFORE, "orders-0", deleting=True))) == 1
    assert scenario.observe(3.2, changed(AFTER, "orders-0", deleting=True)) == [
        (
            "Normal SwitchedOver: orders-1 is primary since 12:00:03Z, after orders-0: its pod is being"
            " deleted at 12:00:01Z; writes were refused for at most 2.2 s"
        )
    ]


@pytest.mark.parametrize(
    "changes",
    [{"ready": False}, {"deleting": True}, {"ended": "Error, exit code 1"}, {"state": "starting"}],
)
def test_a_primary_that_is_not_healthy_yet_is_not_back(changes: dict[str, Any]) -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    assert len(scenario.observe(1, changed(BEFORE, "orders-0", state="crashed"))) == 1
    assert scenario.observe(2, changed(BEFORE, "orders-0", **changes)) == []
    (event,) = scenario.observe(3, BEFORE)
    assert event.startswith("Normal PrimaryBack: orders-0 is primary since")


def test_one_termination_is_one_loss_even_if_the_lock_was_kept() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    again = changed(BEFORE, "orders-0", start_id="another", **KILLED)
    assert len(scenario.observe(2, changed(again, "orders-0", ready=False))) == 1
    assert len(scenario.observe(3, again)) == 1
    assert [scenario.observe(seconds, again) for seconds in (4, 5, 200)] == [[], [], []]


@pytest.mark.parametrize(("ago", "losses"), [(60, 1), (180, 0)])
def test_after_a_restart_only_a_recent_termination_counts(ago: int, losses: int) -> None:
    scenario = Scenario(known="orders-0")
    end = {"last_end": "Error, exit code 1", "last_end_at": NOON - timedelta(seconds=ago)}
    nobody = led(tuple(replace(i, role="standby") for i in members(3)), "orders-9")
    assert len(scenario.observe(0, changed(nobody, "orders-0", **end))) == losses


@pytest.mark.parametrize("leader", ["orders-0", "orders-2"])
def test_a_switchover_is_recorded_only_for_the_current_primary(leader: str) -> None:
    scenario = Scenario()
    asked = Switchover(leader, None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")
    scenario.asked([asked], NOON)
    scenario.observe(0, BEFORE)
    scenario.asked([], NOON)
    scenario.asked([asked], NOON)
    (event,) = scenario.observe(3.2, AFTER)
    assert ("it was asked to hand over" in event) is (leader == "orders-0")


def test_a_primary_whose_pod_is_gone_is_reported() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    assert "its pod is gone" in scenario.observe(1, replace(BEFORE, instances=BEFORE.instances[1:]))[0]


def test_a_single_instance_comes_back_by_itself() -> None:
    alone = led(members(1), "orders-0")
    scenario = Scenario()
    scenario.observe(0, alone)
    dead = changed(alone, "orders-0", ready=False, ended="Error", **KILLED)
    assert len(scenario.observe(1.5, dead)) == 1
    starting = changed(alone, "orders-0", ready=False, start_id="another", **KILLED)
    assert scenario.observe(3, starting) == []
    back = changed(alone, "orders-0", start_id="another", **KILLED)
    back = replace(back, leadership=replace(back.leadership, acquired=NOON + timedelta(seconds=4)))
    assert scenario.observe(5.5, back) == [
        (
            "Normal PrimaryBack: orders-0 is primary since 12:00:04Z again: its container ended"
            " (OOMKilled, exit code 137) at 12:00:01Z; writes were refused for about 4.0 s"
        )
    ]
    assert scenario.observe(6, back) == []


def test_hibernation_is_no_loss() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    asleep = replace(BEFORE, children={"StatefulSet": {"orders": {"spec": {"replicas": 0}}}})
    assert scenario.observe(1, changed(asleep, "orders-0", deleting=True)) == []
    assert scenario.observe(2, replace(asleep, instances=())) == []


def test_the_first_primary_is_not_an_event() -> None:
    scenario = Scenario()
    assert scenario.observe(0, led((pod(0, role=""),), None)) == []
    assert scenario.observe(1, led(members(1), "orders-0")) == []


def test_a_forgotten_database_starts_without_a_term() -> None:
    scenario = Scenario()
    scenario.observe(0, BEFORE)
    scenario.term = None
    assert scenario.observe(1, AFTER) == []


def test_a_controller_that_starts_long_after_a_restart_does_not_take_it_for_an_outage() -> None:
    begun = NOON + timedelta(seconds=1)
    back = changed(
        led(
            members(3), "orders-0", acquired=NOON + timedelta(seconds=3), renewed=NOON + timedelta(minutes=12)
        ),
        "orders-0",
        last_end="Error, exit code 1",
        last_end_at=NOON,
        running_since=begun,
        start_id="another",
    )
    scenario = Scenario(known="orders-0")
    assert scenario.observe(758, back) == scenario.observe(760, back) == []
