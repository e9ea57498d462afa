"""Faults of one instance: its pod, its container, its processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.laboratory.ground import gone, send, stopped
from tests.laboratory.scene import Scene, restarts
from tests.rest import Object
from tests.waiting import until

NOTICED_SECONDS = 30.0


@contextmanager
def pod_deleted(scene: Scene) -> Iterator[None]:
    """Delete the primary's pod, with its termination grace period."""
    with _deleted(scene):
        yield


@contextmanager
def pod_deleted_by_force(scene: Scene) -> Iterator[None]:
    """Delete the primary's pod without any time."""
    with _deleted(scene, "--force", "--grace-period=0"):
        yield


@contextmanager
def _deleted(scene: Scene, *how: str) -> Iterator[None]:
    primary = scene.primary()["metadata"]
    scene.kubectl("delete", "pod", primary["name"], "--wait=false", *how)
    yield
    scene.until_made_anew({primary["name"]: primary["uid"]})


@contextmanager
def container_killed(scene: Scene) -> Iterator[None]:
    """Kill all of the primary's container."""
    with _killed(scene, scene.primary()):
        yield


@contextmanager
def standby_killed(scene: Scene) -> Iterator[None]:
    """Kill all of a standby's container."""
    with _killed(scene, scene.standby()):
        yield


@contextmanager
def _killed(scene: Scene, pod: Object) -> Iterator[None]:
    with scene.restarting(pod):
        send({scene.ground.first_process(pod)}, signal.SIGKILL)
        yield


def containers_are_new(scene: Scene) -> None:
    """Have no container that was killed before: the kubelet restarts the next one at once."""
    for pod in scene.database.pods():
        if restarts(pod):
            name = pod["metadata"]["name"]
            scene.kubectl("delete", "pod", name, "--wait=true", seconds=120)
            scene.database.settled()


def container_restarted(scene: Scene) -> None:
    """Have a primary whose container was killed just now: the kubelet waits before its next restart."""
    containers_are_new(scene)
    name = scene.database.primary()
    with _killed(scene, scene.pod(name)):
        pass
    scene.database.settled()
    if scene.database.primary() != name:
        scene.database.switch_over(name)


@contextmanager
def postmaster_killed(scene: Scene) -> Iterator[None]:
    """Kill the primary's postmaster; Patroni lives."""
    with _ended(scene.ground.postmaster(scene.primary())):
        yield


@contextmanager
def backend_killed(scene: Scene) -> Iterator[None]:
    """Kill one backend: the postmaster ends all others and recovers."""
    with _ended(scene.ground.backend(scene.primary())):
        yield


@contextmanager
def _ended(pid: int) -> Iterator[None]:
    send({pid}, signal.SIGKILL)
    until(lambda: gone(pid), 5)
    yield


@contextmanager
def postmaster_frozen(scene: Scene) -> Iterator[None]:
    """Stop the primary's postmaster, which accepts no connection then; the backends go on."""
    primary = scene.primary()
    with _frozen_for_good(scene.ground.postmaster(primary)):
        yield
    scene.until_primary_is_not(primary["metadata"]["name"])


@contextmanager
def standby_postmaster_frozen(scene: Scene) -> Iterator[None]:
    """Stop a standby's postmaster; what it has goes on to follow the primary."""
    with _frozen_for_good(scene.ground.postmaster(scene.standby())):
        yield


@contextmanager
def _frozen_for_good(postmaster: int) -> Iterator[None]:
    """Stop a postmaster that never wakes: it is noticed, and killed with all its backends."""
    with frozen({postmaster}):
        yield
        until(lambda: gone(postmaster), NOTICED_SECONDS)


@contextmanager
def pod_frozen(scene: Scene) -> Iterator[None]:
    """Stop all processes of the primary's pod, and let them go on when another is primary."""
    primary = scene.primary()
    with _pod_frozen(scene, primary):
        yield
        scene.until_primary_is_not(primary["metadata"]["name"])


@contextmanager
def standby_frozen(scene: Scene) -> Iterator[None]:
    """Stop all processes of a standby's pod: its kernel goes on taking what the primary sends."""
    with _pod_frozen(scene, scene.standby()):
        yield


@contextmanager
def _pod_frozen(scene: Scene, pod: Object) -> Iterator[None]:
    all_of_them = scene.ground.programs
    # The second look finds what was forked between the first and the signal.
    with frozen(all_of_them(pod)) as first, frozen(all_of_them(pod) - first):
        yield


@contextmanager
def frozen(pids: set[int]) -> Iterator[set[int]]:
    """Stop processes for a while."""
    send(pids, signal.SIGSTOP)
    try:
        until(lambda: stopped(pids), 5)
        yield pids
    finally:
        send(pids, signal.SIGCONT)
