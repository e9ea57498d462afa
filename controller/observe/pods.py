"""What the kubelet and Patroni report about a pod, from its manifest; unreadable parts count as absent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from controller.desired.pod import CONTAINER

Manifest: TypeAlias = dict[str, Any]


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


def number(text: object) -> int:
    """Read a count or a position; 0 when there is none."""
    return int(text) if isinstance(text, int) or (isinstance(text, str) and text.isdecimal()) else 0


def container(status: Manifest) -> Manifest:
    """Return the status of the container that PostgreSQL runs in."""
    statuses = status.get("containerStatuses") or []
    return next((s for s in statuses if s.get("name") == CONTAINER), {})


def termination(of: Manifest) -> Manifest:
    """Return how a container that does not run ended; empty while it does."""
    state = of.get("state") or {}
    waiting = state.get("waiting") or {}
    # During the kubelet's back-off, the last termination is in lastState.
    last = (of.get("lastState") or {}) if waiting.get("reason") == "CrashLoopBackOff" else state
    return last.get("terminated") or {}


def moment(text: str | None) -> datetime | None:
    """Read a time as Kubernetes or Patroni writes it; None when it is missing, damaged or without zone."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if read.tzinfo else None


def last_termination(of: Manifest) -> Manifest:
    """Return how a container ended last, whether or not another runs by now; empty if it never did."""
    return termination(of) or (of.get("lastState") or {}).get("terminated") or {}


def end(terminated: Manifest) -> str:
    """Return the end of a container in words: its reason and exit code; "" if there is none."""
    if not terminated:
        return ""
    return f"{terminated.get('reason', 'Terminated')}, exit code {terminated.get('exitCode')}"


def condition(status: Manifest, kind: str) -> str:
    """Return True, False or Unknown, as the condition of that type says."""
    return next((c["status"] for c in status.get("conditions") or [] if c["type"] == kind), "Unknown")


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


def disk_full(said: Manifest) -> bool:
    """Whether a member has reported, in its tags, that its volume is full (deploy/images/patroni/disk.py)."""
    return _tags(said).get("disk_full") is True


def configuration(said: Manifest) -> str:
    """Return which configuration a member has applied (deploy/images/patroni/configuration.py), or ""."""
    return str(_tags(said).get("configuration", ""))


def version(settings: Manifest) -> str:
    """Return what a member that has applied this configuration reports; "" for an empty one.

    The rule is the image's (deploy/images/patroni/configuration.py), and of the content alone: what somebody
    else wrote is not taken for what it replaced.
    """
    content = {key: value for key, value in settings.items() if key != "pause"}
    if not content:
        return ""
    return hashlib.sha256(json.dumps(_words(content), sort_keys=True).encode()).hexdigest()[:16]


def _words(value: object) -> object:
    return {key: _words(each) for key, each in value.items()} if isinstance(value, dict) else str(value)


def _tags(said: Manifest) -> Manifest:
    tags = said.get("tags")
    return tags if isinstance(tags, dict) else {}


def trouble(status: Manifest, of: Manifest, said: Manifest) -> Trouble | None:
    """Return why an instance does not become ready, as Kubernetes or else Patroni reports; else None."""
    for found in status.get("conditions") or []:
        if found["type"] == "PodScheduled" and found["status"] == "False":
            return Trouble("Unschedulable", found.get("message", ""))
    waiting = (of.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
        return Trouble("ImageNotPulled", waiting.get("message", ""))
    if waiting.get("reason") in ("CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"):
        return Trouble("InstanceFailing", waiting.get("message", ""))
    return _server_trouble(said)


def _server_trouble(said: Manifest) -> Trouble | None:
    state = said.get("state", "")
    if state in ("start failed", "restart failed"):
        return Trouble("ServerNotStarting", f"Patroni reports: {state}; see the pod's log")
    return None
