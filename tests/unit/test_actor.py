from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.act import actor
from controller.act.actor import Actor
from controller.certificates.keys import DatabaseKeys
from controller.kube.answers import Conflict
from controller.patroni import NO_ANSWER, Patroni, Reply
from controller.plan.actions import Discard, Rebuild, RestartPostgres, Switchover
from controller.plan.interruption import Declined
from controller.watches.cache import Cache
from tests.factory import typed_database
from tests.objects import Objects

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEYS = DatabaseKeys.generate("orders", now=NOW, entropy=bytes)
SWITCHOVER = Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")


class Members(Patroni):
    """A leader that sleeps, and a standby whose answer waits for the leader."""

    def __init__(self, reply: Reply, *, over_after: int) -> None:
        self.told: list[tuple[str, ...]] = []
        self._reply = reply
        self._over_after = over_after
        self._over = asyncio.Event()
        self._note()

    async def switchover(self, ip: str, leader: str, candidate: str | None, keys: DatabaseKeys) -> Reply:
        """Answer when it is over."""
        assert (leader, candidate, keys) == ("orders-0", None, KEYS)
        self._note("switch over", ip)
        await self._over.wait()
        return self._reply

    async def trigger_loop(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Be awake."""
        assert keys == KEYS
        self._note("wake", ip)
        return Reply(200, "")

    def _note(self, *words: str) -> None:
        self.told += [words] if words else []
        if len(self.told) >= self._over_after:
            self._over.set()


def living(kind: str, name: str, uid: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": "4"}}


SECRET = living("Secret", "orders-keys", "uid-s")
POD, CLAIM = living("Pod", "orders-2", "uid-2"), living("PersistentVolumeClaim", "data-orders-2", "uid-c")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "_WRITTEN_SECONDS", 0.001)
    monkeypatch.setattr(actor, "_SWITCHOVER_SECONDS", 0.001)
    monkeypatch.setattr(actor, "database_keys", lambda _: KEYS)


async def carry_out(members: Members, cache: Cache | None = None) -> None:
    await Actor(Objects(SECRET), cache or Cache(), members).act(typed_database(), SWITCHOVER)


async def test_a_standby_is_asked_to_switch_over_and_the_leader_woken_for_it() -> None:
    members = Members(Reply(200, "Successfully switched over"), over_after=2)
    await carry_out(members)
    assert members.told == [("switch over", "192.0.2.2"), ("wake", "192.0.2.1")]


async def test_a_switchover_that_is_declined_at_once_wakes_nobody() -> None:
    members = Members(Reply(412, "no good candidates"), over_after=0)
    with pytest.raises(Declined, match="no good candidates"):
        await carry_out(members)
    assert members.told == [("switch over", "192.0.2.2")]


async def test_a_member_that_does_not_answer_is_not_said_to_refuse() -> None:
    members = Members(Reply(NO_ANSWER, "TimeoutError"), over_after=0)
    with pytest.raises(Declined, match="no answer from Patroni, which may do it all the same"):
        await carry_out(members)


async def test_a_switchover_that_takes_long_holds_the_next_pass_up_no_longer() -> None:
    members = Members(Reply(503, "status unknown"), over_after=9)
    await carry_out(members)
    assert [word for word, _ in members.told] == ["switch over", "wake", "wake"]


def lock(holder: str, version: str) -> dict[str, Any]:
    metadata = living("ConfigMap", "orders-leader", "uid-l")["metadata"]
    annotations = {"leader": holder, "renewTime": version}
    return {"metadata": {**metadata, "resourceVersion": version, "annotations": annotations}}


async def test_a_switchover_is_over_when_the_lock_has_moved_though_patroni_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actor, "_WRITTEN_SECONDS", 60)
    members, cache = Members(Reply(503, "status unknown"), over_after=9), Cache()
    cache.put("ConfigMap", lock("orders-0", "8"))
    switching = asyncio.create_task(carry_out(members, cache))
    done, _ = await asyncio.wait({switching}, timeout=3 * actor._LOOK_SECONDS)
    assert not done
    cache.put("ConfigMap", lock("orders-1", "9"))
    await asyncio.wait_for(switching, 10)
    assert members.told == [("switch over", "192.0.2.2")]


class Restarter(Patroni):
    """A standby that restarts when the primary has looked, and a primary that sleeps."""

    def __init__(self, reply: Reply, *, busy: bool) -> None:
        super().__init__(now=lambda: NOW, entropy=bytes)
        self.told: list[tuple[str, str]] = []
        self._reply = reply
        self._released = asyncio.Event()
        if not busy:
            self._released.set()

    async def restart(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Answer when it is over."""
        assert keys == KEYS
        self.told.append(("restart", ip))
        await self._released.wait()
        return self._reply

    async def trigger_loop(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Be awake."""
        assert keys == KEYS
        self.told.append(("wake", ip))
        self._released.set()
        return Reply(200, "")


async def restart(member: Restarter, primary: str | None) -> None:
    action = RestartPostgres("orders-2", "192.0.2.3", "jit changed", primary)
    await Actor(Objects(SECRET), Cache(), member).act(typed_database(), action)


async def test_a_standby_is_asked_to_restart_and_the_primary_woken_for_it() -> None:
    member = Restarter(Reply(200, "restarted"), busy=True)
    await restart(member, "192.0.2.1")
    assert member.told == [("restart", "192.0.2.3"), ("wake", "192.0.2.1")]


@pytest.mark.parametrize("primary", [None, "192.0.2.1"])
async def test_a_restart_that_is_declined_at_once_wakes_nobody(primary: str | None) -> None:
    member = Restarter(Reply(503, "restart conditions are not satisfied"), busy=False)
    with pytest.raises(Declined, match="not satisfied"):
        await restart(member, primary)
    assert member.told == [("restart", "192.0.2.3")]


class Copier(Patroni):
    """A member that is asked to copy its data anew."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def reinitialize(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Begin."""
        assert keys == KEYS
        self.asked.append(ip)
        return Reply(200, "reinitialize started")


REBUILD = Rebuild("orders-2", "uid-2", "192.0.2.3", 3, "its WAL is gone")


async def test_a_copy_is_counted_on_the_very_pod_before_it_is_asked_for() -> None:
    api, member = Objects(SECRET, POD), Copier()
    await Actor(api, Cache(), member).act(typed_database(), REBUILD)
    [pod] = api.of("Pod")
    assert pod["metadata"]["annotations"] == {"keddah.dev/rebuilds": "3"}
    assert member.asked == ["192.0.2.3"]


async def test_a_pod_that_is_gone_is_asked_nothing() -> None:
    member, successor = Copier(), living("Pod", "orders-2", "another")
    with pytest.raises(Declined, match="its pod is gone"):
        await Actor(Objects(SECRET), Cache(), member).act(typed_database(), REBUILD)
    with pytest.raises(Conflict, match="its uid is another"):
        await Actor(Objects(SECRET, successor), Cache(), member).act(typed_database(), REBUILD)
    assert member.asked == []


@pytest.mark.parametrize(("pod", "also"), [("orders-2", ["delete Pod orders-2"]), ("", [])])
async def test_a_volume_is_deleted_by_its_uid_and_before_its_pod(pod: str, also: list[str]) -> None:
    api = Objects(SECRET, POD, CLAIM)
    action = Discard("data-orders-2", "uid-c", pod, "uid-2", "given up")
    await Actor(api, Cache(), Copier()).act(typed_database(), action)
    assert api.writes == ["delete PersistentVolumeClaim data-orders-2", *also]
