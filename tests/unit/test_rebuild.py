from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.observe.instances.following import unexplained
from controller.observe.instances.instance import Instance
from controller.observe.instances.pods import Trouble
from controller.observe.state import Leadership, Node, ObservedState
from controller.plan.actions import DeletePod, Rebuild
from controller.plan.instances.rebuild import REBUILD_AFTER_SECONDS, decide, rebuild
from controller.plan.outcome import Hold, Waiting
from controller.plan.planner import plan
from controller.protocol.member import DAMAGE
from tests.states import OLD, intent, observed, pod, settled

READY = {f"node-{n}": Node(ready=True, cordoned=False) for n in range(3)}
LEAD = Leadership("orders-0", frozenset({"orders-1"}), last_primary="orders-0", initialized=True)
GONE = "it needs WAL that the primary has removed"
WORDS = "could not locate a valid checkpoint record at 0/3000028"
BROKEN = f"its data is damaged: {WORDS}"
FAILED: dict[str, Any] = {"state": "start failed", "position": None, "timeline": None}
TOLD = {"uid-2": WORDS}


def stuck(*, primary: Any = None, **standby: Any) -> ObservedState:  # noqa: ANN401
    """Give three instances, the last of which wants WAL that the primary does not keep."""
    given = {"ready": False, "streaming": False, "timeline": 1, "position": 500}
    instances = (
        pod(0, "primary", **({"timeline": 1} | (primary or {}))),
        pod(1, timeline=1),
        pod(2, **(given | standby)),
    )
    asked = frozenset({"uid-1", "uid-2"})
    return observed(
        instances, nodes=READY, leadership=LEAD, idle={"uid-2": REBUILD_AFTER_SECONDS}, without_wal=asked
    )


def test_a_standby_whose_wal_is_gone_is_copied_anew() -> None:
    assert rebuild(stuck()) == Rebuild("orders-2", "uid-2", "192.0.2.3", 1, GONE)


def test_where_nodes_may_not_be_read_the_pods_tell() -> None:
    assert isinstance(rebuild(replace(stuck(), nodes=None)), Rebuild)
    assert not isinstance(rebuild(replace(stuck(primary={"ready": False}), nodes=None)), Rebuild)


@pytest.mark.parametrize("state", ["start failed", "restart failed"])
def test_a_standby_whose_server_does_not_start_for_damage_is_copied_anew(state: str) -> None:
    around = stuck(**(FAILED | {"state": state}))
    assert rebuild(replace(around, damaged=TOLD)) == Rebuild("orders-2", "uid-2", "192.0.2.3", 1, BROKEN)


@pytest.mark.parametrize("state", ["start failed", "restart failed"])
def test_a_server_that_does_not_start_is_no_evidence_of_damage(state: str) -> None:
    around = replace(stuck(**(FAILED | {"state": state})), idle={"uid-2": 86400.0})
    kept(around)
    kept(replace(around, damaged={"uid-1": WORDS}))


@pytest.mark.parametrize("state", ["stopped", "start failed", "running", "crashed", "starting"])
@pytest.mark.parametrize("found", DAMAGE)
def test_what_a_member_reports_of_its_data_has_it_copied_anew(found: str, state: str) -> None:
    # Patroni does not even try to start a server whose control file it cannot read.
    around = stuck(state=state, damage=found, position=None, timeline=None)
    assert rebuild(around) == Rebuild("orders-2", "uid-2", "192.0.2.3", 1, DAMAGE[found])


def test_a_member_that_is_being_copied_is_left_alone_whatever_it_reported() -> None:
    assert rebuild(stuck(state="creating replica", damage="control-file")) is None


@pytest.mark.parametrize("unknown", [{"position": None}, {"timeline": None}])
def test_how_far_a_server_got_that_runs_must_be_known(unknown: dict[str, Any]) -> None:
    held(stuck(**unknown), "how far it has got is not known")
    held(stuck(primary=unknown), "orders-0 has not reported how far it is")
    held(
        stuck(primary=unknown, damage="control-file", state="stopped"),
        "orders-0 has not reported how far it is",
    )


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ("source-damaged", "the primary could not read all of its own data"),
        ("no-space", "its volume became full"),
        ("failed", "pg_basebackup failed"),
    ],
)
def test_why_the_last_copy_failed_is_told_until_the_next(failure: str, why: str) -> None:
    failed = stuck(copy=failure, rebuilds=1)
    held(failed, f"the last copy failed: {why}")
    held(replace(failed, idle={"uid-2": 20.0}), f"the last copy failed: {why}")
    again = replace(stuck(copy=failure, rebuilds=1), idle={"uid-2": 2 * REBUILD_AFTER_SECONDS})
    assert isinstance(rebuild(again), Rebuild)


def test_a_copy_for_which_the_former_data_had_to_go_is_told_of() -> None:
    wish = intent(replicas=3)
    around = settled(wish, stuck(state="creating replica", copy="no-room"))
    outcome = plan(wish, around).outcome
    assert outcome.message.startswith("2 of 3 instances serve; orders-2 is cloned: its volume has no room")


@pytest.mark.parametrize(
    ("world_changes", "why"),
    [
        ({"leadership": Leadership()}, "no ready primary"),
        ({"leadership": Leadership("orders-9")}, "no ready primary"),
        ({"leadership": replace(LEAD, last_primary="orders-2")}, "orders-2 acknowledged the newest commits"),
        ({"leadership": replace(LEAD, paused=True)}, "Patroni is paused"),
        ({"without_wal": frozenset()}, "its log does not say that WAL is missing"),
        ({"without_wal": frozenset({"uid-1"})}, "its log does not say that WAL is missing"),
        ({"nodes": {}}, "the last good copy"),
        ({"nodes": READY | {"node-0": Node(ready=False, cordoned=False)}}, "the last good copy"),
        ({"nodes": READY | {"node-2": Node(ready=False, cordoned=False)}}, "node-2 is not Ready"),
        ({"idle": {"uid-2": REBUILD_AFTER_SECONDS - 1}}, "cloned again after 60 s without progress"),
    ],
)
def test_every_doubt_about_the_world_leaves_the_data(world_changes: dict[str, Any], why: str) -> None:
    held(replace(stuck(), **world_changes), why)


@pytest.mark.parametrize(
    ("primary", "why"),
    [
        ({"ready": False}, "no ready primary"),
        ({"deleting": True}, "no ready primary"),
        ({"state": "stopping"}, "no ready primary"),
        ({"position": 499}, "it is ahead of orders-0"),
        ({"timeline": 0}, "orders-0 has not reported how far it is"),
        ({"position": 0}, "orders-0 has not reported how far it is"),
    ],
)
def test_every_doubt_about_the_primary_leaves_the_data(primary: dict[str, Any], why: str) -> None:
    held(stuck(primary=primary), why)


def test_only_the_log_of_a_standby_that_runs_and_does_not_follow_is_asked() -> None:
    assert [i.name for i in unexplained(stuck())] == ["orders-2"]
    assert unexplained(stuck(**FAILED)) == []
    assert unexplained(stuck(streaming=True)) == []


def test_a_server_that_may_fail_for_its_parameters_keeps_its_data() -> None:
    waits = {"pending_restart": {"shared_buffers": ("1", "2")}}
    kept(stuck(primary=waits, **FAILED))


@pytest.mark.parametrize("late", [0, 2])
def test_a_server_that_fails_for_parameters_that_were_just_reverted_keeps_its_data(late: int) -> None:
    # It has failed for minutes, and the primary is the first to say that it need not restart any more.
    around = stuck(**FAILED)
    instances = [replace(i, configuration="old" if i.ordinal == late else "new") for i in around.instances]
    around = replace(around, instances=tuple(instances), configuration="new", idle={"uid-2": 600.0})
    kept(around)


def kept(around: ObservedState) -> None:
    decision = decide(around.instances[2], around)
    assert isinstance(decision, Hold)
    assert "its data is kept" in decision.reason
    # Nor does it hold up what may help: another template, or other parameters.
    assert rebuild(around) is None


def held(around: ObservedState, why: str) -> None:
    decision = decide(around.instances[2], around)
    assert isinstance(decision, Hold)
    assert why in decision.reason
    step = rebuild(around)
    assert isinstance(step, Waiting)
    assert (step.reason, step.message) == ("StandbyCannotFollow", f"orders-2: {decision.reason}")


@pytest.mark.parametrize(
    "standby",
    [
        {"ready": True},
        {"streaming": True},
        {"deleting": True},
        {"ended": "Error, exit code 1"},
        {"role": "primary"},
        {"state": "creating replica"},
        {"state": "stopped"},
        {"state": ""},
    ],
)
def test_a_standby_that_gets_on_or_cannot_be_asked_is_left_alone(standby: dict[str, Any]) -> None:
    assert rebuild(stuck(**standby)) is None


def test_a_server_that_waits_for_removed_wal_before_it_is_consistent_is_copied_anew() -> None:
    recovers = stuck(state="starting", timeline=None, position=None)
    step = rebuild(recovers)
    assert isinstance(step, Rebuild)
    assert step.reason == "it needs WAL that the primary has removed"
    # Without that evidence it may recover for hours.
    assert rebuild(replace(recovers, without_wal=frozenset())) is None


def test_a_moment_without_progress_is_nothing_yet() -> None:
    assert rebuild(replace(stuck(), idle={"uid-2": 19.0})) is None
    assert rebuild(replace(stuck(), idle={})) is None


def test_the_holder_of_the_lock_is_no_standby_whatever_its_label_says() -> None:
    lead = replace(LEAD, holder="orders-2")
    assert rebuild(replace(stuck(), leadership=lead)) is None


def test_each_copy_of_the_same_pod_waits_twice_as_long() -> None:
    again = stuck(rebuilds=2)
    assert isinstance(rebuild(replace(again, idle={"uid-2": 4 * REBUILD_AFTER_SECONDS - 1})), Waiting)
    step = rebuild(replace(again, idle={"uid-2": 4 * REBUILD_AFTER_SECONDS}))
    assert isinstance(step, Rebuild)
    assert step.number == 3
    assert isinstance(
        rebuild(replace(stuck(rebuilds=99), idle={"uid-2": 64 * REBUILD_AFTER_SECONDS})), Rebuild
    )


def test_copies_that_held_for_long_are_no_reason_to_wait_longer() -> None:
    again = replace(stuck(rebuilds=3), forgiven={"uid-2": 3})
    step = rebuild(again)
    assert isinstance(step, Rebuild)
    assert step.number == 4
    assert isinstance(rebuild(replace(again, forgiven={"uid-2": 2})), Waiting)


def test_one_standby_is_copied_at_a_time() -> None:
    around = stuck()
    busy = replace(around.instances[1], ready=False, streaming=False, state="creating replica")
    held(replace(around, instances=(around.instances[0], busy, around.instances[2])), "one at a time")


def test_one_that_was_copied_and_follows_again_holds_nobody_up() -> None:
    around = stuck()
    back = replace(around.instances[1], rebuilds=1)
    assert isinstance(
        rebuild(replace(around, instances=(around.instances[0], back, around.instances[2]))), Rebuild
    )


def test_a_standby_that_is_as_far_as_its_primary_is_not_ahead_of_it() -> None:
    assert isinstance(rebuild(stuck(position=1000)), Rebuild)


def test_a_copy_that_was_asked_for_counts_before_it_is_seen_and_until_it_fails() -> None:
    around = stuck()
    asked = replace(around.instances[1], ready=False, rebuilds=1, **FAILED)
    around = replace(around, damaged={"uid-1": WORDS})
    both = replace(around, instances=(around.instances[0], asked, around.instances[2]))
    held(both, "orders-1 is being cloned first, one at a time")
    failing = replace(both, idle={"uid-1": REBUILD_AFTER_SECONDS, "uid-2": REBUILD_AFTER_SECONDS})
    assert isinstance(decide(failing.instances[2], failing), Rebuild)


def test_of_two_that_cannot_follow_one_is_copied() -> None:
    around = stuck()
    other: Instance = replace(around.instances[1], ready=False, streaming=False, position=400)
    both = replace(
        around,
        instances=(around.instances[0], other, around.instances[2]),
        idle={"uid-1": REBUILD_AFTER_SECONDS, "uid-2": REBUILD_AFTER_SECONDS},
    )
    assert isinstance(rebuild(both), Rebuild)
    assert rebuild(both) == replace(decide(other, both))


def test_a_hold_of_one_does_not_stop_the_copy_of_another() -> None:
    around = stuck()
    kept = replace(around.instances[1], ready=False, streaming=False, position=1000, uid="uid-9")
    both = replace(
        around,
        instances=(around.instances[0], kept, around.instances[2]),
        idle={"uid-9": REBUILD_AFTER_SECONDS, "uid-2": REBUILD_AFTER_SECONDS},
    )
    step = rebuild(both)
    assert isinstance(step, Rebuild)
    assert step.pod == "orders-2"


def test_the_plan_copies_before_it_rolls_anything() -> None:
    wish = intent(replicas=3)
    around = settled(wish, stuck())
    stale = tuple(replace(i, revision=OLD) for i in around.instances)
    broken = replace(stale[2], trouble=Trouble("ServerNotStarting", ""), **FAILED)
    chosen = plan(wish, replace(around, instances=(*stale[:2], broken), damaged=TOLD))
    assert chosen.actions == (Rebuild("orders-2", "uid-2", "192.0.2.3", 1, BROKEN),)
    assert isinstance(chosen.outcome, Waiting)
    assert chosen.outcome.reason == "RebuildingStandby"


def test_a_broken_standby_of_another_template_is_left_to_the_roll_out() -> None:
    wish = intent(replicas=3)
    around = settled(wish, stuck())
    broken = replace(around.instances[2], revision=OLD, trouble=Trouble("ServerNotStarting", ""), **FAILED)
    chosen = plan(wish, replace(around, instances=(*around.instances[:2], broken)))
    assert [type(action) for action in chosen.actions] == [DeletePod]


def test_a_standby_of_a_primary_of_which_nobody_hears_has_nobody_to_follow() -> None:
    lost = stuck(primary={"ready": False})
    node = lost.instances[0].node
    assert rebuild(replace(lost, nodes={**READY, node: Node(ready=False, cordoned=False)})) is None
