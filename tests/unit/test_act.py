from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from controller import act
from controller.act import Actor, Declined
from controller.actions import Switchover
from controller.kube import Kube
from controller.patroni import Patroni, Reply
from controller.pki import DatabaseKeys
from controller.store import Store
from tests.factory import typed_database

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEYS = DatabaseKeys.generate("orders", now=NOW, entropy=bytes)
SWITCHOVER = Switchover("orders-0", None, "192.0.2.1", "192.0.2.2", "node-0 is cordoned")


class Members(Patroni):
    """A leader that sleeps, and a standby whose answer waits for the leader."""

    def __init__(self, reply: Reply, *, at_once: bool = False) -> None:
        self.told: list[tuple[str, str]] = []
        self._reply = reply
        self._over = asyncio.Event()
        if at_once:
            self._over.set()

    async def switchover(self, ip: str, leader: str, candidate: str | None, keys: DatabaseKeys) -> Reply:
        """Answer when it is over."""
        assert (leader, candidate, keys) == ("orders-0", None, KEYS)
        self.told.append(("switch over", ip))
        await self._over.wait()
        return self._reply

    async def wake(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Hand the lead over, now that the leader is awake."""
        assert keys == KEYS
        self.told.append(("wake", ip))
        self._over.set()
        return Reply(200, "")


class Secrets(Kube):
    """Has the database's keys, and nothing else."""

    def __init__(self) -> None:
        pass

    async def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read the keys."""
        assert (kind, namespace, name) == ("Secret", "shop", "orders-keys")
        return {"kind": kind}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "_WRITTEN_SECONDS", 0.001)
    monkeypatch.setattr(act, "database_keys", lambda _: KEYS)


async def carry_out(members: Members) -> None:
    await Actor(Secrets(), Store(), members).act(typed_database(), SWITCHOVER)


async def test_a_standby_is_asked_to_switch_over_and_the_leader_woken_for_it() -> None:
    members = Members(Reply(200, "Successfully switched over"))
    await carry_out(members)
    assert members.told == [("switch over", "192.0.2.2"), ("wake", "192.0.2.1")]


async def test_a_switchover_that_is_declined_at_once_wakes_nobody() -> None:
    members = Members(Reply(412, "no good candidates"), at_once=True)
    with pytest.raises(Declined, match="no good candidates"):
        await carry_out(members)
    assert members.told == [("switch over", "192.0.2.2")]
