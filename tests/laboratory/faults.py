"""The faults: each a context that has struck when it is entered, and is over when it is left.

Whatever a fault needs to be ready (who is primary, which process that is) is found before it strikes.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from deploy.local.faults import power_off, power_on, set_node_link
from tests.clusters import OPERATOR
from tests.databases import Database
from tests.laboratory.ground import Ground, send
from tests.rest import Object
from tests.waiting import until

LEASE = ("Lease", OPERATOR, "keddah-controller")


@dataclass(frozen=True)
class Scene:
    """The database that a fault happens to, and what it stands on."""

    database: Database
    ground: Ground

    def pod(self, name: str) -> Object:
        """Read one of the pods."""
        return self.database.child("Pod", name)

    def primary(self) -> Object:
        """Read the primary's pod."""
        return self.pod(self.database.primary())

    def standby(self) -> Object:
        """Read the first standby's pod."""
        return self.pod(self.database.standbys()[0])

    def kubectl(self, *arguments: str, seconds: float = 60) -> str:
        """Run kubectl in the database's namespace."""
        return self.database.cluster.good("--namespace", self.database.namespace, *arguments, seconds=seconds)

    def until_primary_is_not(self, name: str) -> None:
        """Wait until another instance is primary: what was asked for has happened."""

        def another() -> bool:
            return (self.database.status().get("primary") or name) != name

        until(another, 60, self.database.story)


Fault = Callable[[Scene], AbstractContextManager[None]]


@contextmanager
def switchover(scene: Scene) -> Iterator[None]:
    """Have the primary leave its node, which is cordoned: the controller asks Patroni to switch over."""
    primary = scene.primary()
    scene.kubectl("cordon", primary["spec"]["nodeName"])
    try:
        scene.until_primary_is_not(primary["metadata"]["name"])
        yield
    finally:
        scene.kubectl("uncordon", primary["spec"]["nodeName"])


@contextmanager
def rolling_restart(scene: Scene) -> Iterator[None]:
    """Change the pods' template."""
    before = scene.database.uids()
    scene.database.change(template={"annotations": {"laboratory": f"{time.monotonic():.0f}"}})

    def all_are_new() -> bool:
        after = scene.database.uids()
        return after.keys() == before.keys() and not set(after.values()) & set(before.values())

    until(all_are_new, 180, scene.database.story, 0.5)
    yield


@contextmanager
def pod_deleted(scene: Scene) -> Iterator[None]:
    """Delete the primary's pod, with its time to say farewell."""
    scene.kubectl("delete", "pod", scene.database.primary(), "--wait=false")
    yield


@contextmanager
def pod_deleted_by_force(scene: Scene) -> Iterator[None]:
    """Delete the primary's pod without any time."""
    scene.kubectl("delete", "pod", scene.database.primary(), "--wait=false", "--force", "--grace-period=0")
    yield


@contextmanager
def node_drained(scene: Scene) -> Iterator[None]:
    """Drain the primary's node, of this database alone."""
    primary = scene.primary()
    node = primary["spec"]["nodeName"]
    try:
        selector = f"--pod-selector=keddah.dev/database={scene.database.name}"
        scene.kubectl("drain", node, selector, "--delete-emptydir-data", "--timeout=100s", seconds=120)
        yield
    finally:
        scene.kubectl("uncordon", node)


@contextmanager
def container_killed(scene: Scene) -> Iterator[None]:
    """Kill all of the primary's container."""
    send({scene.ground.first_process(scene.primary())}, signal.SIGKILL)
    yield


def container_restarted(scene: Scene) -> None:
    """Have a primary whose container was killed just now: the kubelet waits before its next restart."""
    name = scene.database.primary()
    restarts = _restarts(scene.pod(name))
    send({scene.ground.first_process(scene.pod(name))}, signal.SIGKILL)
    until(lambda: _restarts(scene.pod(name)) > restarts, 60)
    scene.database.settled()
    if scene.database.primary() != name:
        scene.database.switch_over(name)


def _restarts(pod: Object) -> int:
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses") or [])


@contextmanager
def postmaster_killed(scene: Scene) -> Iterator[None]:
    """Kill the primary's postmaster; Patroni lives."""
    send({scene.ground.postmaster(scene.primary())}, signal.SIGKILL)
    yield


@contextmanager
def backend_killed(scene: Scene) -> Iterator[None]:
    """Kill one backend: the postmaster ends all others and recovers."""
    send({scene.ground.backend(scene.primary())}, signal.SIGKILL)
    yield


@contextmanager
def node_cut_off(scene: Scene) -> Iterator[None]:
    """Take the primary's node off the network; all on it goes on running."""
    primary = scene.primary()
    node = primary["spec"]["nodeName"]
    set_node_link(scene.ground.state, node, "down")
    try:
        yield
    finally:
        set_node_link(scene.ground.state, node, "up")


@contextmanager
def node_off(scene: Scene) -> Iterator[None]:
    """Power the primary's node off."""
    node = scene.primary()["spec"]["nodeName"]
    power_off(scene.ground.state, node)
    try:
        yield
    finally:
        power_on(scene.ground.state, node)


@contextmanager
def postmaster_frozen(scene: Scene) -> Iterator[None]:
    """Stop the primary's postmaster, which accepts no connection then; the backends go on."""
    with _frozen({scene.ground.postmaster(scene.primary())}):
        yield


@contextmanager
def pod_frozen(scene: Scene) -> Iterator[None]:
    """Stop all processes of the primary's pod, and let them go on when another is primary."""
    with _frozen(scene.ground.container(scene.primary())):
        yield


@contextmanager
def api_server_frozen(scene: Scene) -> Iterator[None]:
    """Stop the API server: whoever asks it waits."""
    with _frozen({scene.ground.api_server()}):
        yield


@contextmanager
def _frozen(pids: set[int]) -> Iterator[None]:
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pids, signal.SIGCONT)


@contextmanager
def standby_killed(scene: Scene) -> Iterator[None]:
    """Kill all of a standby's container."""
    send({scene.ground.first_process(scene.standby())}, signal.SIGKILL)
    yield


def without_controller(fault: Fault) -> Fault:
    """Return the fault with the active controller killed at once, and then every 5 s."""

    @contextmanager
    def together(scene: Scene) -> Iterator[None]:
        ended = threading.Event()
        with ExitStack() as stack:
            _kill_controller(scene)
            thread = threading.Thread(target=_keep_killing, args=(scene, ended), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(ended.set)
            stack.enter_context(fault(scene))
            yield

    return together


def _keep_killing(scene: Scene, ended: threading.Event) -> None:
    while not ended.wait(5):
        _kill_controller(scene)


def _kill_controller(scene: Scene) -> None:
    """Kill the container of whoever holds the Lease, unless it is down already."""
    cluster = scene.database.cluster
    lease = cluster.rest.get(*LEASE) or {}
    holder = str(lease.get("spec", {}).get("holderIdentity") or "")
    for pod in cluster.operator_pods("controller"):
        if holder.startswith(pod["metadata"]["name"]):
            running = scene.ground.container(pod, "controller")
            send(running, signal.SIGKILL)
