"""Outages around the database: a node, the API server, the controller."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.faults import power_off, set_node_link, stop_api_server
from tests.clusters import OPERATOR, Cluster
from tests.laboratory.faults import frozen
from tests.laboratory.ground import send
from tests.laboratory.scene import Fault, Scene
from tests.rest import Object
from tests.waiting import until

KILL_SECONDS = 5.0
FOLLOWING_SECONDS = 90.0
_CONTROLLER = "app.kubernetes.io/name=keddah,app.kubernetes.io/component=controller"


@contextmanager
def node_cut_off(scene: Scene) -> Iterator[None]:
    """Take the primary's node off the network; all on it goes on running."""
    primary = scene.primary()
    with _cut_off(scene, primary["spec"]["nodeName"]):
        yield
        scene.until_primary_is_not(primary["metadata"]["name"])


@contextmanager
def standby_cut_off(scene: Scene) -> Iterator[None]:
    """Take a standby's node off the network: nobody answers the primary, and nobody closes a connection."""
    with _cut_off(scene, scene.standby()["spec"]["nodeName"]):
        yield


@contextmanager
def _cut_off(scene: Scene, node: str) -> Iterator[None]:
    set_node_link(scene.ground.state, node, "down")
    try:
        yield
    finally:
        set_node_link(scene.ground.state, node, "up")


@contextmanager
def node_off(scene: Scene) -> Iterator[None]:
    """Power the primary's node off."""
    primary = scene.primary()
    node = primary["spec"]["nodeName"]
    try:
        power_off(scene.ground.state, node)
        yield
        scene.until_primary_is_not(primary["metadata"]["name"])
    finally:
        scene.ground.local("node-power", node, "on")


@contextmanager
def api_server_down(scene: Scene) -> Iterator[None]:
    """Kill the API server: whoever asks it is refused at once."""
    stop_api_server(scene.ground.state)
    try:
        yield
    finally:
        scene.ground.local("api-server", "on")
    _until_services_follow(scene)


@contextmanager
def api_server_frozen(scene: Scene) -> Iterator[None]:
    """Stop the API server: whoever asks it waits."""
    with frozen({scene.ground.api_server()}):
        yield
    _until_services_follow(scene)


def _until_services_follow(scene: Scene) -> None:
    """Wait until the cluster is whole: who lost the API server asks it again only after half a minute.

    A new Service whose pod has only now become one of its own says that Services follow pods again, as they
    must in the next fault.
    """
    cluster, mark = scene.database.cluster, {"laboratory": "follows"}
    pod = cluster.operator_pods("webhooks")[0]["metadata"]["name"]
    metadata = {"name": "laboratory", "namespace": OPERATOR}
    spec = {"selector": mark, "ports": [{"port": 443, "targetPort": 8443}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    made = cluster.rest.create(service).expect()
    try:
        cluster.rest.merge("Pod", OPERATOR, pod, {"metadata": {"labels": mark}}).expect()
        until(lambda: _answers(made["spec"]["clusterIP"]), FOLLOWING_SECONDS, "Services do not follow".format)
    finally:
        cluster.rest.merge("Pod", OPERATOR, pod, {"metadata": {"labels": {"laboratory": None}}})
        cluster.rest.delete("Service", OPERATOR, "laboratory")


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 443), timeout=1):
            return True
    except OSError:
        return False


def without_controller(fault: Fault, seconds: float) -> Fault:
    """Return the fault with all processes of the controller killed at once, and then every 5 s.

    For as long as the fault lasts, and at most for so many seconds.
    """

    @contextmanager
    def together(scene: Scene) -> Iterator[None]:
        # Found before: with the API server away nobody could say where they are.
        pods = scene.database.cluster.operator_pods("controller")
        with _killing(scene, pods, seconds), fault(scene):
            yield

    return together


@contextmanager
def _killing(scene: Scene, pods: list[Object], seconds: float) -> Iterator[None]:
    killed: set[int] = set()
    ended = threading.Event()

    def keep_killing() -> None:
        until = time.monotonic() + seconds
        while not ended.is_set() and time.monotonic() < until:
            found = {pid for pod in pods for pid in scene.ground.programs(pod)}
            send(found, signal.SIGKILL)
            killed.update(found)
            ended.wait(KILL_SECONDS)
        _start_controller(scene.database.cluster)

    thread = threading.Thread(target=keep_killing, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert killed, "no controller was killed"


def _start_controller(cluster: Cluster) -> None:
    """Replace the pods: the kubelet would wait minutes before it starts them again, which is no fault."""
    within = ("--namespace", OPERATOR)
    cluster.good(*within, "delete", "pod", "-l", _CONTROLLER, "--wait=false")
    deployment = ("rollout", "status", "deployment/keddah-controller", "--timeout=90s")
    cluster.good(*within, *deployment, seconds=100)
