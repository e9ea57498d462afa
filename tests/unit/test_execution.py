from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from controller.act.actor import Actor
from controller.act.execution import Execution, waves
from controller.act.recorder import Recorder
from controller.kube.client import Conflict, Kube, Refused
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.patroni import Patroni
from controller.observe.progress import Progress
from controller.plan.actions import Action, Apply, DeletePod
from controller.watches.store import Store
from schemas.types import PostgreSQLDatabase, decode
from tests import worlds
from tests.factory import complete_database
from tests.lives import DeathError

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


async def carry_out(hands: Hands, *actions: Action) -> list[Action]:
    kube, store = Kube.__new__(Kube), Store()
    patroni = Patroni(now=lambda: NOW, entropy=bytes)
    execution = Execution(
        Observer(kube, store, patroni, Progress(lambda: 0.0)), hands, Recorder(kube, now=lambda: NOW)
    )
    done: list[Action] = []
    try:
        await execution.carry_out(KEY, decode(complete_database()), actions, worlds.world(), done)
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


@pytest.mark.parametrize("failure", [Conflict(409, "is there"), Refused(403, "quota"), DeathError()])
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
