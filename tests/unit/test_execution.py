from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from controller.act.actor import Actor
from controller.act.execution import Execution, Overtaken, waves
from controller.act.recorder import Recorder
from controller.kube.answers import Conflict, Refused
from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.patroni import Patroni
from controller.observe.progress import Progress
from controller.observe.world import World
from controller.plan.actions import (
    Action,
    Apply,
    DeletePod,
    Discard,
    Manifest,
    Rebuild,
    RelabelStandby,
    RestartPostgres,
)
from controller.watches.store import Store
from schemas.types import PostgreSQLDatabase, decode
from tests import worlds
from tests.factory import complete_database
from tests.inprocess import KilledError

KEY = Key("shop", "orders")
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
RESTART = DeletePod("orders-1", "uid-1", "the pod template changed")


def new(kind: str, name: str = "orders") -> Apply:
    metadata = {"name": name, "labels": {"keddah.dev/database": "orders"}}
    return Apply({"kind": kind, "metadata": metadata}, "missing", absent=True)


def drifted(kind: str) -> Apply:
    return Apply({"kind": kind, "metadata": {"name": "orders"}}, "spec.x differs")


class Hands(Actor):
    """Takes its time over everything, fails where it was told to, and notes what begins and ends."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.fails: dict[str, BaseException] = {}

    async def act(self, db: PostgreSQLDatabase, action: Action) -> None:
        """Note the action."""
        assert db.metadata.name == "orders"
        self.log.append(f"begin {action}")
        await asyncio.sleep(0)
        if str(action) in self.fails:
            raise self.fails[str(action)]
        await asyncio.sleep(0)
        self.log.append(f"end {action}")


class Api(Kube):
    """Knows who holds the lock by now."""

    def __init__(self, holder: str) -> None:
        metadata = {"name": "orders-leader", "namespace": "shop", "uid": "u", "resourceVersion": "9"}
        self.lock = {"kind": "ConfigMap", "metadata": metadata | {"annotations": {"leader": holder}}}

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Read the lock, and nothing else."""
        assert (kind, namespace, name) == ("ConfigMap", "shop", "orders-leader")
        return self.lock


async def carry_out(
    hands: Hands, *actions: Action, around: World | None = None, holder: str = "orders-0"
) -> list[Action]:
    kube, store = Api(holder), Store()
    patroni = Patroni(now=lambda: NOW, entropy=bytes)
    execution = Execution(
        Observer(kube, store, patroni, Progress(lambda: 0.0)), hands, Recorder(kube, now=lambda: NOW)
    )
    done: list[Action] = []
    try:
        seen = around or worlds.world(worlds.members(3))
        await execution.carry_out(KEY, decode(complete_database()), actions, seen, done)
    finally:
        hands.log.append(f"{len(done)} done")
    return done


def test_new_children_are_made_at_once_and_what_names_them_after_them() -> None:
    source, binding, statefulset = new("Secret", "orders-keys"), new("RoleBinding"), new("StatefulSet")
    others = (new("Secret", "orders-app"), new("Role"), new("Service"))
    actions = (source, *others, binding, statefulset, RESTART)
    assert list(waves(actions)) == [(source,), others, (binding, statefulset), (RESTART,)]


def test_what_running_pods_use_is_mended_step_by_step() -> None:
    actions = (drifted("Service"), drifted("NetworkPolicy"), drifted("StatefulSet"))
    assert list(waves(actions)) == [(action,) for action in actions]


async def test_the_statefulset_waits_for_everything_before_it() -> None:
    hands = Hands()
    await carry_out(hands, new("Secret"), new("ConfigMap"), new("StatefulSet"))
    assert hands.log == [
        "begin apply Secret orders",
        "begin apply ConfigMap orders",
        "end apply Secret orders",
        "end apply ConfigMap orders",
        "begin apply StatefulSet orders",
        "end apply StatefulSet orders",
        "3 done",
    ]


@pytest.mark.parametrize("failure", [Conflict(409, "is there"), Refused(403, "quota"), KilledError()])
async def test_nothing_acts_on_after_a_failure(failure: BaseException) -> None:
    hands = Hands()
    hands.fails[str(new("Secret"))] = failure
    with pytest.raises(type(failure)):
        await carry_out(hands, new("Secret"), new("ConfigMap"), new("StatefulSet"))
    assert hands.log == [
        "begin apply Secret orders",
        "begin apply ConfigMap orders",
        "end apply ConfigMap orders",
        "1 done",
    ]


def resized(before: int, after: int) -> tuple[Apply, World]:
    live = {"StatefulSet": {"orders": {"spec": {"replicas": before}}}}
    manifest = {"kind": "StatefulSet", "metadata": {"name": "orders"}, "spec": {"replicas": after}}
    return Apply(manifest, "spec.replicas differs"), worlds.world(worlds.members(3), children=live)


@pytest.mark.parametrize(
    "action",
    [
        RESTART,
        RestartPostgres("orders-1", "192.0.2.2", "jit changed"),
        RelabelStandby("orders-1", "orders-0 holds the lock"),
        Rebuild("orders-1", "uid-1", "192.0.2.2", 1, "its WAL is gone"),
        Discard("data-orders-1", "uid-c", "orders-1", "uid-1", "given up"),
        resized(3, 1)[0],
    ],
    ids=str,
)
async def test_nobody_is_disturbed_who_may_have_become_primary_unseen(action: Action) -> None:
    hands, (_, around) = Hands(), resized(3, 1)
    with pytest.raises(Overtaken):
        await carry_out(hands, action, around=around, holder="orders-1")
    assert hands.log == ["0 done"]
    assert await carry_out(hands, action, around=around, holder="orders-0") == [action]


@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 5)])
async def test_pods_that_stay_are_not_disturbed(before: int, after: int) -> None:
    action, around = resized(before, after)
    assert await carry_out(Hands(), action, around=around, holder="orders-1") == [action]


async def test_a_pod_that_may_not_be_deleted_stops_what_comes_after_it() -> None:
    hands = Hands()
    hands.fails[str(RESTART)] = Refused(403, "not yours")
    with pytest.raises(Refused):
        await carry_out(hands, RESTART, drifted("Service"))
    assert hands.log == ["begin restart pod orders-1", "0 done"]
