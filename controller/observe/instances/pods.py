"""What the kubelet and Patroni report about a pod, from its manifest; unreadable parts count as absent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from controller.kube.objects import Manifest, condition_of
from controller.protocol.member import CONTAINER, DAMAGE, Report, container, termination

COPYING = "creating replica"
"""Patroni's word for a server whose data is being copied from the primary."""
NOT_PULLED = "ImageNotPulled"
"""Reason of an instance whose image the kubelet does not get."""
BESIDE = frozenset({"SidecarFailing", "SidecarNotReady"})
"""Reasons of an instance of which another container is the trouble."""
_FAILING = frozenset({"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"})
_OF_IMAGES = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""The kubelet's own reasons for it (pkg/kubelet/images/types.go)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an instance does not become ready: a fixed CamelCase reason, and a message."""

    reason: str
    message: str


def parsed(text: str | None) -> dict[str, Any]:
    """Parse JSON that another process wrote; anything but an object counts as empty."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def member(metadata: Manifest) -> dict[str, Any]:
    """Return Patroni's status annotation of its own pod (Patroni, ha.py, touch_member)."""
    return parsed((metadata.get("annotations") or {}).get("status"))


def report(said: Manifest) -> Report:
    """Return what a member reports in its tags."""
    return Report.read(said.get("tags"))


def number(text: object) -> int:
    """Read a count or a position; 0 when there is none."""
    return int(text) if isinstance(text, int) or (isinstance(text, str) and text.isdecimal()) else 0


def last_termination(of: Manifest) -> Manifest:
    """Return how a container ended last, whether or not another runs by now; empty if it never did."""
    return termination(of) or (of.get("lastState") or {}).get("terminated") or {}


def end(terminated: Manifest) -> str:
    """Return the end of a container in words: its reason and exit code; "" if there is none."""
    if not terminated:
        return ""
    return f"{terminated.get('reason', 'Terminated')}, exit code {terminated.get('exitCode')}"


def position(text: object) -> int | None:
    """Read a WAL position or a timeline; None where it is unknown, as of every server that does not run."""
    return number(text) or None


def pending_restart(said: Manifest) -> dict[str, tuple[str, str]] | None:
    """Return the parameters, old and new value, that wait for a restart; None when none does.

    PostgreSQL also reports a pending restart for a value that was removed from its file before it was ever
    in force (guc-file.l, ProcessConfigFileInternal), and Patroni repeats it: a restart would change nothing.
    """
    if not said.get("pending_restart"):
        return None
    reasons = said.get("pending_restart_reason") or {}
    values = {name: (str(v.get("old_value")), str(v.get("new_value"))) for name, v in reasons.items()}
    changes = {name: (old, new) for name, (old, new) in values.items() if old != new}
    return changes if changes or not values else None


def trouble(status: Manifest, of: Manifest, said: Manifest) -> Trouble | None:
    """Return why an instance does not become ready, as Kubernetes or else Patroni reports; else None."""
    scheduled = condition_of(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return Trouble("Unschedulable", scheduled.get("message", ""))
    waiting = (of.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in _OF_IMAGES:
        return Trouble(NOT_PULLED, waiting.get("message", ""))
    if waiting.get("reason") in _FAILING:
        # What the container says of its own end tells more than that the kubelet waits.
        said_last = str(last_termination(of).get("message") or "").strip()
        return Trouble("InstanceFailing", said_last or waiting.get("message", ""))
    return _server_trouble(said)


def beside(status: Manifest, of: Manifest) -> bool:
    """Whether the server's container is ready, and others alone keep the pod from being so.

    A node that is lost takes a pod's Ready away, too, and leaves these words: whoever acts on it must ask
    the server.
    """
    ready = condition_of(status, "Ready")
    return (
        ready.get("status") == "False"
        and ready.get("reason") == "ContainersNotReady"
        and of.get("ready") is True
    )


def lingering(pod: Manifest) -> list[str]:
    """Name the containers that keep a pod whose server has ended."""
    status = pod.get("status") or {}
    if "deletionTimestamp" not in pod["metadata"] or "terminated" not in (
        container(status).get("state") or {}
    ):
        return []
    return [each.get("name", "") for each in _statuses(status) if "running" in (each.get("state") or {})]


def trouble_beside(status: Manifest, of: Manifest) -> Trouble | None:
    """Return what is wrong with the other containers; of their logs nothing, which may hold anything."""
    others = [each for each in _statuses(status) if each.get("name") != CONTAINER and not each.get("ready")]
    for each in others:
        name, waiting = each.get("name", ""), (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _OF_IMAGES:
            return Trouble(NOT_PULLED, f"{name}: {waiting.get('message', '')}")
        if waiting.get("reason") in _FAILING:
            ended = end(last_termination(each)) or waiting.get("message", "")
            return Trouble(
                "SidecarFailing", f"its container {name} does not keep running ({ended}); see its log"
            )
    if others and beside(status, of):
        names = ", ".join(each.get("name", "") for each in others)
        return Trouble("SidecarNotReady", f"PostgreSQL is ready, and not: {names}")
    return None


def _statuses(status: Manifest) -> tuple[Manifest, ...]:
    return (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or []))


def _server_trouble(said: Manifest) -> Trouble | None:
    state, damage = said.get("state", ""), report(said).damage
    if damage and state != COPYING:
        # Patroni does not even try to start such a server, and its state says nothing.
        return Trouble("DataDamaged", DAMAGE[damage])
    if state in ("start failed", "restart failed"):
        return Trouble("ServerNotStarting", f"Patroni reports: {state}; see the pod's log")
    return None
