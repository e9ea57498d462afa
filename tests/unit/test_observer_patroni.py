"""What is asked of Patroni because no watch tells of it in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.patroni import Patroni
from controller.observe.progress import Progress
from controller.observe.world import World
from controller.watches.store import Store

KEY = Key("shop", "orders")
LABELS = {"keddah.dev/database": "orders", "keddah.dev/role": "standby"}
OLD, NEW = "registry/postgres:1", "registry/postgres:2"


class Members(Patroni):
    """Members that answer as the test says, by the last digit of their address."""

    def __init__(self) -> None:
        super().__init__(now=lambda: datetime(2026, 11, 23, tzinfo=UTC), entropy=bytes)
        self.pending: dict[str, bool | None] = {}
        self.asked: list[str] = []

    async def pending_restart(self, ip: str) -> bool | None:
        """Answer, and take note of the question."""
        self.asked.append(f"restart {ip[-1]}")
        return self.pending.get(ip[-1])

    async def server_version(self, ip: str, authority: str | None = None) -> str | None:
        """Answer, and take note of the question."""
        del authority
        self.asked.append(f"version {ip[-1]}")
        return "17.6"


def pod(number: int, image: str = NEW, **member: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {
        "name": f"orders-{number}",
        "namespace": "shop",
        "uid": f"uid-{number}",
        "resourceVersion": "5",
        "labels": LABELS,
        "annotations": {"status": json.dumps({"state": "running", **member})},
    }
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "postgres", "image": image}]},
        "status": {"podIP": f"192.0.2.{number}", "conditions": [{"type": "Ready", "status": "True"}]},
    }


async def seen(members: Members, *pods: dict[str, Any]) -> World:
    store = Store()
    template = {"spec": {"containers": [{"name": "postgres", "image": NEW}]}}
    owner = {"name": "orders", "namespace": "shop", "uid": "u", "resourceVersion": "5", "labels": LABELS}
    store.put("StatefulSet", {"kind": "StatefulSet", "metadata": owner, "spec": {"template": template}})
    for each in pods:
        store.put("Pod", each)
    return await Observer(Kube.__new__(Kube), store, members, Progress(lambda: 0.0)).world(KEY, secrets=False)


PENDING: dict[str, Any] = {
    "pending_restart": True,
    "pending_restart_reason": {"jit": {"old_value": "a", "new_value": "b"}},
}


@pytest.mark.parametrize(
    ("answer", "pending"), [(False, None), (True, {"jit": ("a", "b")}), (None, {"jit": ("a", "b")})]
)
async def test_a_restart_that_patroni_no_longer_wants_is_forgotten(answer: object, pending: object) -> None:
    members = Members()
    members.pending = {"1": None if answer is None else bool(answer)}
    world = await seen(members, pod(0), pod(1, **PENDING))
    assert [instance.pending_restart for instance in world.instances] == [None, pending]
    assert members.asked == ["restart 1"]


async def test_pods_with_a_new_image_are_asked_what_is_in_it_while_others_are_still_to_get_it() -> None:
    members = Members()
    world = await seen(members, pod(0, OLD), pod(1, OLD), pod(2))
    assert world.moved == {"orders-2": "17.6"}
    assert members.asked == ["version 2"]
    assert (await seen(members, pod(0), pod(1))).moved == {}
