"""What is asked of Patroni because no watch tells of it in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.observe.state import ObservedState
from controller.patroni import Patroni
from controller.watches.cache import Cache

KEY = Key("shop", "orders")
LABELS = {"keddah.dev/database": "orders", "keddah.dev/role": "standby"}
OLD, NEW = "registry/postgres:1", "registry/postgres:2"


class Members(Patroni):
    """Members that answer as the test says, by the last digit of their address."""

    def __init__(self) -> None:
        super().__init__(now=lambda: datetime(2026, 11, 23, tzinfo=UTC), entropy=bytes)
        self.pending: dict[str, bool | None] = {}
        self.asked: list[str] = []

    async def member(self, ip: str) -> dict[str, Any] | None:
        """Answer, and take note of the question."""
        self.asked.append(f"restart {ip[-1]}")
        pending = self.pending.get(ip[-1])
        return None if pending is None else {"pending_restart": pending}

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


class Logs(Kube):
    """Gives the logs of containers; there is no API server."""

    def __init__(self, **logs: str) -> None:
        self._logs = logs

    async def log(self, namespace: str, pod: str, container: str, *, seconds: int, lines: int) -> str:
        """Give the log that the test has for a pod."""
        assert (namespace, container) == ("shop", "postgres")
        assert seconds > 0 < lines
        return self._logs[pod.replace("-", "_")]


async def seen(
    members: Members,
    *pods: dict[str, Any],
    kube: Kube | None = None,
    database: dict[str, Any] | None = None,
) -> ObservedState:
    cache = Cache()
    if database:
        cache.put("PostgreSQLDatabase", database)
    template = {"spec": {"containers": [{"name": "postgres", "image": NEW}]}}
    owner = {"name": "orders", "namespace": "shop", "uid": "u", "resourceVersion": "5", "labels": LABELS}
    spec = {"template": template, "replicas": 0}
    cache.put("StatefulSet", {"kind": "StatefulSet", "metadata": owner, "spec": spec})
    for each in pods:
        cache.put("Pod", each)
    kube, clock = kube or Logs(), lambda: 0.0
    creations = Creations(kube, clock, lambda: datetime.now(UTC))
    reader = SecretReader(kube, "keddah-system")
    observer = Observer(kube, cache, members, Progress(clock), creations, reader)
    return await observer.observe(KEY, secrets=False)


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
    observed = await seen(members, pod(0), pod(1, **PENDING))
    assert [instance.pending_restart for instance in observed.instances] == [None, pending]
    assert members.asked == ["restart 1"]


async def test_pods_with_a_new_image_are_asked_what_is_in_it_while_others_are_still_to_get_it() -> None:
    members = Members()
    observed = await seen(members, pod(0, OLD), pod(1, OLD), pod(2))
    assert observed.moved == {"orders-2": "17.6"}
    assert members.asked == ["version 2"]
    assert (await seen(members, pod(0), pod(1))).moved == {}


async def test_the_logs_of_servers_that_do_not_start_are_asked_why() -> None:
    words = "could not locate a valid checkpoint record at 0/3000028"
    logs = Logs(
        orders_1=f"2026-11-29 12:00:00.000 UTC [80] PANIC:  {words}\n",
        orders_2='2026-11-29 12:00:00.000 UTC [80] FATAL:  data directory "/d" has invalid permissions\n',
        orders_3="",
    )
    pods = [pod(0), *(pod(number, state="start failed") for number in (1, 2, 3))]
    around = await seen(Members(), *pods, kube=logs)
    assert around.damaged == {"uid-1": words}
    told = [instance.trouble.message if instance.trouble else "" for instance in around.instances]
    assert told[1] == f"its server does not start: {words}"
    assert told[2].endswith(
        "has invalid permissions (the mode or the owner of its files was changed:"
        " change it back); its data is kept"
    )
    assert (told[0], told[3]) == ("", "Patroni reports: start failed; see the pod's log")


class Objects(Logs):
    """Has these objects, by kind and name, and no others."""

    def __init__(self, *there: tuple[str, str]) -> None:
        super().__init__()
        self.there = there

    async def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read one."""
        assert namespace == "shop"
        return {"metadata": {"name": name}} if (kind, name) in self.there else None


async def test_what_a_pod_waits_for_to_mount_is_named_once_it_waits() -> None:
    volumes = [
        {"name": "a", "secret": {"secretName": "there"}},
        {"name": "b", "secret": {"secretName": "maybe", "optional": True}},
        {"name": "c", "configMap": {"name": "words"}},
        {"name": "d", "projected": {"sources": [{"secret": {"name": "agent"}}, {"serviceAccountToken": {}}]}},
        {"name": "e", "emptyDir": {}},
    ]
    declared = {
        "metadata": {"name": "orders", "namespace": "shop", "uid": "u", "resourceVersion": "5"},
        "spec": {"template": {"volumes": volumes}},
    }
    waits = pod(2)
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    waits["status"] = {"containerStatuses": [{"name": "postgres", "state": waiting}]}
    around = await seen(Members(), pod(1), waits, kube=Objects(("Secret", "there")), database=declared)
    told = [instance.trouble.message if instance.trouble else "" for instance in around.instances]
    said = "it cannot start: template.volumes: this namespace has no ConfigMap words, Secret agent"
    assert told == ["", said]


async def test_a_server_serves_if_it_answers_whatever_keeps_its_pod_from_being_ready() -> None:
    members = Members()
    members.pending = {"1": False}
    pods = [pod(0), pod(1), pod(2)]
    for each in pods[1:]:
        each["status"] |= {
            "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
            "containerStatuses": [{"name": "postgres", "ready": True}],
            "initContainerStatuses": [{"name": "exporter", "ready": False}],
        }
    observed = await seen(members, *pods)
    assert [(i.beside, i.ready) for i in observed.instances] == [(False, True), (True, True), (True, False)]
    assert members.asked == ["restart 1", "restart 2"]
