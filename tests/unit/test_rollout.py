from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.observe.instances.pods import Trouble
from controller.observe.state import Leadership
from controller.plan.actions import DeletePod, RestartPostgres, Switchover
from controller.plan.instances.rollout import candidate, handover, rollout
from controller.plan.outcome import Waiting
from tests.states import NEW, OLD, members, observed, pod, rolling

RESTART = {"shared_buffers": ("128MB", "256MB")}


def test_nothing_stale_means_no_step() -> None:
    assert rollout(rolling(*members(3)), 3) is None


def test_a_template_that_was_not_seen_yet_is_waited_for() -> None:
    step = rollout(rolling(*members(3), seen=False), 3)
    assert isinstance(step, Waiting)
    assert step.message.startswith("waiting for Kubernetes to take up the latest change of the pods")


def test_without_a_statefulset_there_is_nothing_to_roll_out() -> None:
    assert rollout(replace(observed(), children={}), 3) is None


def test_an_unready_standby_holds_the_next_one_back() -> None:
    stale = [replace(i, revision=OLD) for i in members(3)]
    stale[2] = replace(stale[2], revision=NEW, ready=False)
    step = rollout(rolling(*stale), 3)
    assert isinstance(step, Waiting)
    assert "orders-2" in step.message


def test_what_keeps_a_pod_from_ending_is_named() -> None:
    """A sidecar that ignores SIGTERM keeps its pod for minutes."""
    ended: dict[str, Any] = {"state": {"terminated": {}}}
    runs: dict[str, Any] = {"state": {"running": {}}}
    statuses = [{"name": "postgres", **ended}, {"name": "mesh", **runs}, {"name": "exporter", **ended}]
    metadata = {"name": "orders-2", "deletionTimestamp": "2026-12-01T00:00:00Z"}
    going = {"metadata": metadata, "status": {"containerStatuses": statuses}}
    around = rolling(*(replace(i, revision=OLD, ready=i.ordinal != 2) for i in members(3)))
    for live, words in ((going, "orders-2 (still running in it: mesh)"), ({"metadata": {}}, "orders-2")):
        step = rollout(replace(around, children={**around.children, "Pod": {"orders-2": live}}), 3)
        assert isinstance(step, Waiting)
        assert step.message == f"waiting for all instances to be ready and streaming: {words}"


def test_a_standby_that_does_not_stream_holds_the_next_one_back() -> None:
    stale = [replace(i, revision=OLD) for i in members(3)]
    stale[2] = replace(stale[2], revision=NEW, streaming=False)
    assert isinstance(rollout(rolling(*stale), 3), Waiting)


def test_a_missing_pod_holds_everything_back() -> None:
    stale = [replace(i, revision=OLD) for i in members(2)]
    assert isinstance(rollout(rolling(*stale), 3), Waiting)


def test_a_broken_new_pod_stops_the_roll_out_and_says_why() -> None:
    stale = [replace(i, revision=OLD) for i in members(3)]
    trouble = Trouble("ImageNotPulled", "no such image")
    stale[2] = replace(stale[2], revision=NEW, ready=False, trouble=trouble)
    step = rollout(rolling(*stale), 3)
    assert step == Waiting(10, "RolloutBlocked", "orders-2: ImageNotPulled: no such image")


def test_a_broken_pod_of_an_older_template_is_made_anew_when_the_spec_is_put_right() -> None:
    trouble = Trouble("ImageNotPulled", "no such image")
    broken = pod(2, revision="orders-bad", ready=False, trouble=trouble)
    good = [replace(i, revision=NEW) for i in members(2)]
    step = rollout(rolling(*good, broken), 3)
    assert isinstance(step, DeletePod)
    assert step.name == "orders-2"


def test_a_pending_restart_goes_through_standbys_then_switches_over() -> None:
    pending = [replace(i, pending_restart=RESTART) for i in members(3)]
    first = rollout(rolling(*pending), 3)
    assert first == RestartPostgres("orders-2", "192.0.2.3", "shared_buffers changed", "192.0.2.1")
    pending[1] = replace(pending[1], pending_restart=None)
    pending[2] = replace(pending[2], pending_restart=None)
    last = rollout(rolling(*pending), 3)
    assert isinstance(last, Switchover)
    assert (last.leader, last.candidate, last.ip, last.asked) == (
        "orders-0",
        None,
        "192.0.2.1",
        "192.0.2.2",
    )


def test_nobody_takes_over_before_every_standby_that_follows_is_counted_on() -> None:
    around = rolling(*members(3))
    lead = replace(around.leadership, synchronous=frozenset({"orders-2"}), last_primary="orders-0")
    primary = around.instances[0]
    assert handover(replace(around, leadership=lead), primary, lambda _: True, "why") is None
    lead = replace(lead, synchronous=frozenset({"orders-1", "orders-2"}))
    assert handover(replace(around, leadership=lead), primary, lambda _: True, "why")


@pytest.mark.parametrize("change", [{"revision": OLD}, {"pending_restart": RESTART}])
def test_the_next_standby_waits_until_commits_are_acknowledged_by_the_one_before(
    change: dict[str, Any],
) -> None:
    around = rolling(*(replace(i, **change) for i in members(2)), pod(2))
    lead = replace(around.leadership, synchronous=frozenset({"orders-1"}), last_primary="orders-0")
    step = rollout(replace(around, leadership=lead), 3)
    assert step == Waiting(2, "RollingOut", "waiting until commits wait for orders-2 too")
    lead = replace(lead, synchronous=frozenset({"orders-1", "orders-2"}))
    assert "orders-1" in str(rollout(replace(around, leadership=lead), 3))


@pytest.mark.parametrize("change", [{"revision": OLD}, {"pending_restart": RESTART}])
def test_the_old_primary_goes_though_it_is_not_counted_on_yet(change: dict[str, Any]) -> None:
    around = rolling(pod(0, **change), pod(1, "primary"), pod(2))
    lead = Leadership("orders-1", frozenset({"orders-2"}), last_primary="orders-1", initialized=True)
    assert "orders-0" in str(rollout(replace(around, leadership=lead), 3))


def test_a_primary_that_nobody_may_take_over_from_waits() -> None:
    around = rolling(pod(0, "primary", revision=OLD), pod(1), pod(2))
    lead = Leadership("orders-0", frozenset({"orders-9"}), initialized=True)
    step = rollout(replace(around, leadership=lead), 3)
    told = "orders-0 must restart, and not every standby is ready for that yet"
    assert step == Waiting(5, "RollingOut", told)


@pytest.mark.parametrize("value", ["100", "1e2", "0x64", "0144"])
def test_a_lowered_standby_limit_restarts_the_primary_first(value: str) -> None:
    lowered = {"max_connections": ("200", value)}
    pending = [replace(i, pending_restart=lowered) for i in members(3)]
    step = rollout(rolling(*pending), 3)
    assert isinstance(step, RestartPostgres)
    assert step.pod == "orders-0"


@pytest.mark.parametrize("change", [("100", "200"), ("100", "100"), ("100", "")])
def test_a_standby_limit_that_is_not_lowered_goes_to_the_standbys_first(change: tuple[str, str]) -> None:
    pending = [replace(i, pending_restart={"max_connections": change}) for i in members(3)]
    step = rollout(rolling(*pending), 3)
    assert isinstance(step, RestartPostgres)
    assert step.pod == "orders-2"


MIXED = {"max_connections": ("200", "100"), "huge_pages": ("try", "on")}


def test_a_single_instance_has_nobody_to_try_it_on() -> None:
    step = rollout(rolling(pod(0, "primary", pending_restart=MIXED)), 1)
    assert isinstance(step, RestartPostgres)
    assert step.pod == "orders-0"


def test_a_restart_that_patroni_gives_no_reason_for_is_made_all_the_same() -> None:
    step = rollout(rolling(pod(0, "primary"), pod(1, pending_restart={})), 2)
    assert step == RestartPostgres("orders-1", "192.0.2.2", "the configuration changed", "192.0.2.1")


def test_what_changes_with_a_lowered_limit_is_tried_on_one_standby_before_the_primary() -> None:
    pending = [replace(i, pending_restart=MIXED) for i in members(3)]
    assert rollout(rolling(*pending), 3) == RestartPostgres(
        "orders-2", "192.0.2.3", "huge_pages, max_connections changed", "192.0.2.1"
    )
    # Patroni started it with the primary's larger limit, for which it must restart once more.
    pending[2] = replace(pending[2], pending_restart={"max_connections": ("200", "100")})
    step = rollout(rolling(*pending), 3)
    assert isinstance(step, RestartPostgres)
    assert step.pod == "orders-0"


def test_a_standby_that_does_not_start_with_what_changed_saves_the_primary() -> None:
    pending = [replace(i, pending_restart=MIXED) for i in members(3)]
    trouble = Trouble("ServerNotStarting", "Patroni says: start failed")
    pending[2] = replace(pending[2], ready=False, state="start failed", pending_restart=None, trouble=trouble)
    step = rollout(rolling(*pending), 3)
    assert isinstance(step, Waiting)
    assert step.reason == "RolloutBlocked"


def test_a_lowered_limit_with_a_new_template_makes_pods_anew_first_and_restarts_nobody_twice() -> None:
    lowered = {"max_connections": ("200", "100")}
    stale = [replace(i, revision=OLD, pending_restart=lowered) for i in members(3)]
    story = []
    for n in (2, 1):
        step = rollout(rolling(*stale), 3)
        story.append(str(step))
        stale[n] = replace(stale[n], revision=NEW)
    story.append(str(rollout(rolling(*stale), 3)))
    moved = [replace(stale[0], role="standby", streaming=True), replace(stale[1], role="primary"), stale[2]]
    story.append(str(rollout(rolling(*moved), 3)))
    moved[0] = replace(moved[0], revision=NEW)
    story.append(str(rollout(rolling(*moved), 3)))
    moved[1] = replace(moved[1], pending_restart=None)
    story.append(str(rollout(rolling(*moved), 3)))
    assert story == [
        "restart pod orders-2",
        "restart pod orders-1",
        "switch over from orders-0 to the most advanced standby",
        "restart pod orders-0",
        "restart PostgreSQL in orders-1",
        "restart PostgreSQL in orders-2",
    ]


@pytest.mark.parametrize("reason", ["InstanceFailing", "ServerNotStarting"])
def test_a_crashing_standby_is_not_given_a_template_that_has_just_failed(reason: str) -> None:
    crashing = pod(1, revision=OLD, ready=False, trouble=Trouble(reason, "again"))
    failed = pod(2, ready=False, trouble=Trouble("ImageNotPulled", "no such image"))
    step = rollout(rolling(pod(0, "primary", revision=OLD), crashing, failed), 3)
    assert isinstance(step, Waiting)
    assert step.reason == "RolloutBlocked"


def test_a_crashing_standby_is_made_anew_once_the_template_is_known_to_work() -> None:
    crashing = pod(1, revision=OLD, ready=False, trouble=Trouble("InstanceFailing", "again"))
    step = rollout(rolling(pod(0, "primary", revision=OLD), crashing, pod(2)), 3)
    assert step == DeletePod("orders-1", "uid-1", "not ready (InstanceFailing), with an old template")


@pytest.mark.parametrize("change", [{"ready": True, "streaming": True}, {"deleting": True}])
def test_an_old_pod_that_serves_or_goes_is_left_to_its_turn(change: dict[str, Any]) -> None:
    passed: dict[str, Any] = {
        "ready": False,
        "streaming": False,
        "trouble": Trouble("InstanceFailing", "again"),
    }
    old = pod(2, revision=OLD, **(passed | change))
    step = rollout(rolling(pod(0, "primary"), pod(1, ready=False), old), 3)
    assert isinstance(step, Waiting)


def test_a_pod_that_cannot_recover_by_itself_is_made_anew_whatever_the_template() -> None:
    stuck = pod(1, revision=OLD, ready=False, trouble=Trouble("Unschedulable", "no node"))
    failed = pod(2, ready=False, trouble=Trouble("ImageNotPulled", "no such image"))
    step = rollout(rolling(pod(0, "primary", revision=OLD), stuck, failed), 3)
    assert step == DeletePod("orders-1", "uid-1", "not ready (Unschedulable), with an old template")


def test_a_broken_pod_is_made_anew_where_its_primary_does_not_serve_either() -> None:
    broken = Trouble("InstanceFailing", "back-off")
    down = pod(0, "primary", revision=OLD, ready=False, trouble=broken)
    step = rollout(rolling(down, pod(1, ready=False, trouble=broken)), 2)
    assert step == DeletePod("orders-0", "uid-0", "not ready (InstanceFailing), with an old template")


def test_with_nobody_serving_every_broken_pod_is_made_anew() -> None:
    broken = Trouble("InstanceFailing", "back-off")
    down = [pod(n, ready=False, trouble=broken, revision=OLD) for n in range(2)]
    step = rollout(rolling(*down, pod(2, ready=False, trouble=broken)), 3)
    assert isinstance(step, DeletePod)


def test_instances_whose_sidecars_fail_are_restarted_in_turn_as_others_that_serve() -> None:
    """Not all at once as what is broken: the servers serve, and one of them is the primary."""
    beside: dict[str, Any] = {"beside": True, "trouble": Trouble("SidecarFailing", "again")}
    failing = [pod(0, "primary", revision=OLD, **beside), *(pod(n, revision=OLD, **beside) for n in (1, 2))]
    step = rollout(rolling(*failing), 3)
    assert step == DeletePod("orders-2", "uid-2", "the pod template changed")
    mended = pod(2)
    step = rollout(rolling(*failing[:2], mended), 3)
    assert step == DeletePod("orders-1", "uid-1", "the pod template changed")
    step = rollout(rolling(failing[0], pod(1), mended), 3)
    assert isinstance(step, Switchover)
    still = replace(mended, **beside)
    step = rollout(rolling(*failing[:2], still), 3)
    assert step == Waiting(10, "RolloutBlocked", "orders-2: SidecarFailing: again")


def test_a_single_instance_restarts_without_a_switchover() -> None:
    step = rollout(rolling(pod(0, "primary", pending_restart=RESTART)), 1)
    assert isinstance(step, RestartPostgres)


def test_no_known_primary_means_nobody_is_taken_down() -> None:
    stale = tuple(replace(i, revision=OLD, role="standby", streaming=True) for i in members(3))
    assert isinstance(rollout(rolling(*stale), 3), Waiting)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("deleting", {"deleting": True}),
        ("not ready", {"ready": False}),
        ("not streaming", {"streaming": False}),
    ],
)
def test_an_unfit_standby_is_no_candidate(name: str, changes: dict[str, Any]) -> None:
    assert name
    around = observed((pod(0, "primary"), pod(1, **changes)))
    assert candidate(around, lambda _: True) is None


def test_the_most_advanced_synchronous_standby_is_the_candidate() -> None:
    instances = (pod(0, "primary"), pod(1, position=10), pod(2, position=20), pod(3, position=30))
    lead = Leadership("orders-0", frozenset({"orders-1", "orders-2"}), initialized=True)
    chosen = candidate(observed(instances, leadership=lead), lambda _: True)
    assert chosen is not None
    assert chosen.name == "orders-2"


def test_a_standby_that_does_not_tell_how_far_it_is_comes_after_those_that_do() -> None:
    standbys = (pod(1, position=None), pod(2, position=20))
    found = candidate(observed((pod(0, "primary"), *standbys)), lambda _: True)
    assert found is not None
    assert found.name == "orders-2"


@pytest.mark.parametrize(("full", "chosen"), [((2,), "orders-1"), ((1, 2), "orders-2")])
def test_a_standby_whose_disk_is_full_is_the_candidate_only_where_there_is_no_other(
    full: tuple[int, ...], chosen: str
) -> None:
    standbys = (pod(n, position=10 * n, disk_full=n in full) for n in (1, 2))
    found = candidate(observed((pod(0, "primary"), *standbys)), lambda _: True)
    assert found is not None
    assert found.name == chosen
