"""An evacuation is in time, however many other databases restart their servers meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from controller.act import actor
from controller.act.actor import Actor
from controller.certificates.keys import DatabaseKeys
from controller.health import Heartbeat
from controller.kube.objects import Key
from controller.metrics import Metrics
from controller.patroni import Patroni, Reply
from controller.plan.actions import RestartPostgres, Switchover
from controller.plan.instances.rollout import candidate
from controller.plan.outcome import Done, Outcome, Waiting
from controller.plan.planner import plan
from controller.watches.cache import Cache
from controller.watches.queue import KeyedQueue, Work
from controller.workers import Workers
from schemas.api.types import decode
from tests.factory import complete_database
from tests.objects import Objects
from tests.states import intent, members, observed, pod, settled

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEYS = DatabaseKeys.generate("orders", now=NOW, entropy=bytes)
WORKERS, SLOW = 16, 20
URGENT = Key("shop", "urgent")
SWITCHOVER = Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")


class Members(Patroni):
    """Members whose servers take for ever to stop, as one that writes its last checkpoint."""

    def __init__(self) -> None:
        super().__init__(now=lambda: NOW, entropy=bytes)
        self.stopping: list[str] = []
        self.over = asyncio.Event()
        self.answer = Reply(200, "restarted successfully")

    async def restart(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Answer when it is over."""
        assert keys == KEYS
        self.stopping.append(ip)
        await self.over.wait()
        return self.answer

    async def switchover(self, ip: str, leader: str, candidate: str | None, keys: DatabaseKeys) -> Reply:
        """Switch over at once."""
        del ip, leader, candidate, keys
        return Reply(200, "Successfully switched over")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "_WRITTEN_SECONDS", 0.01)
    monkeypatch.setattr(actor, "database_keys", lambda _: KEYS)


class Shop:
    """Databases of which most must restart, their workers, and when each was served."""

    def __init__(self) -> None:
        names = [f"slow-{n}" for n in range(SLOW)] + ["urgent"]
        secrets = [
            {"kind": "Secret", "metadata": {"namespace": "shop", "name": f"{name}-keys"}} for name in names
        ]
        self.members = Members()
        self.urgent = asyncio.Event()
        self._actor = Actor(Objects(*secrets), Cache(), self.members)
        loop = asyncio.get_running_loop()
        self.queue: KeyedQueue[Key] = KeyedQueue(clock=loop.time, random=lambda: 0.5)
        self.workers = Workers(
            self.queue,
            self._reconcile,
            count=WORKERS,
            metrics=Metrics(),
            heartbeat=Heartbeat(loop.time, lambda: True),
            clock=loop.time,
        )

    async def _reconcile(self, work: Work[Key]) -> Outcome:
        name, number = work.key.name, work.key.name.rpartition("-")[2]
        restart = RestartPostgres(f"{name}-0", f"192.0.2.{number}", "shared_buffers changed")
        action = SWITCHOVER if work.key == URGENT else restart
        await self._actor.act(decode(complete_database(name)), action)
        if work.key == URGENT:
            self.urgent.set()
        return Done()


async def test_an_urgent_key_is_served_while_more_servers_restart_than_there_are_workers() -> None:
    shop = Shop()
    running = asyncio.create_task(shop.workers.run())
    for n in range(SLOW):
        shop.queue.add(Key("shop", f"slow-{n}"))
    await asyncio.sleep(0)
    shop.queue.add(URGENT)
    await asyncio.wait_for(shop.urgent.wait(), 2)
    assert len(shop.members.stopping) == SLOW
    assert not shop.members.over.is_set()
    assert all(shop.members.restarting(ip) for ip in shop.members.stopping)
    shop.members.over.set()
    await shop.workers.stop(1)
    await running
    assert not any(shop.members.restarting(ip) for ip in shop.members.stopping)


async def test_a_restart_that_fails_later_is_logged_and_is_over(caplog: pytest.LogCaptureFixture) -> None:
    patroni = Members()
    patroni.answer = Reply(503, "restart failed")
    asked = patroni.begin_restart("192.0.2.1", KEYS)
    await asyncio.sleep(0)
    assert patroni.restarting("192.0.2.1")
    patroni.over.set()
    await asked
    await asyncio.sleep(0)
    assert not patroni.restarting("192.0.2.1")
    assert "A restart failed ip=192.0.2.1 why=Reply(status=503, text='restart failed')" in caplog.text


def test_nothing_else_is_disturbed_while_a_server_restarts_but_the_primary_leaves_its_node() -> None:
    wish = intent(replicas=3)
    around = settled(wish, observed(members(3)))
    assert around.statefulset
    restarts = pod(2, restarting=True, pending_restart={"jit": ("on", "off")})
    going = observed((pod(0, "primary"), pod(1, revision="orders-old"), restarts), children=around.children)
    chosen = plan(wish, going)
    assert chosen.outcome == Waiting(1, "RollingOut", "PostgreSQL restarts in orders-2")
    assert not any(isinstance(action, RestartPostgres) for action in chosen.actions)
    target = candidate(going, lambda _: True)
    assert target
    assert target.name == "orders-1"
    assert candidate(observed((pod(0, "primary"), restarts)), lambda _: True) is None
