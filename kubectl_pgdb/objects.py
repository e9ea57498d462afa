"""What Kubernetes has of a database, read into frozen values; unreadable parts count as absent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from kubectl_pgdb.words import moment
from schemas.kubernetes.quantity import parse

LABEL: Final = "keddah.dev/database"
ROLE: Final = "keddah.dev/role"
COMPONENT: Final = "app.kubernetes.io/component"
INSTANCE: Final = "database"
"""Value of that label on pods and volumes of instances."""
CONTAINER: Final = "postgres"
OPERATOR: Final = "keddah-system"
"""The namespace that keddah is installed in, unless somebody chose another."""
_MIB: Final = 1 << 20

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the database."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: its pod with what Patroni says in it, and its volume; without a pod only that."""

    name: str
    role: str = ""
    state: str = ""
    """Patroni's word, or the kubelet's where the server does not run."""
    ready: bool = False
    timeline: int | None = None
    lag_bytes: int | None = None
    """How far behind the primary its WAL is; None for the primary, and where nobody knows."""
    node: str = ""
    volume_bytes: int | None = None
    free_bytes: int | None = None
    """About how much its volume has free, as it reports."""
    disk_full: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A backup or a verification that goes on, or that ended a while ago."""

    name: str
    command: str
    state: str
    started: datetime | None
    ended: datetime | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was told of the database."""

    at: datetime | None
    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Database:
    """One database."""

    name: str
    namespace: str
    version: str = ""
    ready: str = ""
    primary: str = ""
    hibernated: bool = False
    conditions: tuple[Condition, ...] = ()
    instances: tuple[Instance, ...] = ()
    backups: Mapping[str, Any] = field(default_factory=dict)
    last_backup: datetime | None = None
    requests: tuple[Mapping[str, Any], ...] = ()
    runs: tuple[Run, ...] = ()
    events: tuple[Event, ...] = ()
    controller_seen: datetime | None = None
    """When keddah's controller last renewed its Lease; None where the user may not read that."""
    unread: tuple[str, ...] = ()
    """What could not be read, in kubectl's words: the rights of the user decide."""

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type, if it was reported."""
        return next((each for each in self.conditions if each.type == kind), None)


def database(
    manifest: Manifest, children: Iterable[Manifest] = (), events: Iterable[Manifest] = ()
) -> Database:
    """Read a database, with its pods, claims and Jobs in any order, and its events."""
    by_kind: dict[str, list[Manifest]] = {}
    for child in children:
        by_kind.setdefault(child["kind"], []).append(child)
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    # Those of a former object of that name stay for an hour.
    own = [each for each in events if _of(each, metadata.get("uid"))]
    told = sorted(map(event, own), key=lambda each: (each.at is not None, each.at))
    return Database(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        version=status.get("currentVersion") or str(manifest.get("spec", {}).get("version", "")),
        ready=status.get("ready", ""),
        primary=status.get("primary", ""),
        hibernated=manifest.get("spec", {}).get("hibernated") is True,
        conditions=tuple(map(_condition, status.get("conditions") or [])),
        instances=instances(by_kind.get("Pod", []), by_kind.get("PersistentVolumeClaim", [])),
        backups=status.get("backups") or {},
        last_backup=moment(status.get("lastBackupTime")),
        requests=tuple(status.get("requests") or ()),
        runs=tuple(sorted(map(_run, filter(_of_backups, by_kind.get("Job", []))), key=lambda r: r.name)),
        events=tuple(told),
    )


def _of(told: Manifest, uid: str | None) -> bool:
    return uid is None or (told.get("involvedObject") or {}).get("uid") in (None, uid)


def _condition(said: Manifest) -> Condition:
    since = moment(said.get("lastTransitionTime"))
    return Condition(said["type"], said["status"], said["reason"], said.get("message", ""), since)


def instances(pods: Iterable[Manifest], claims: Iterable[Manifest]) -> tuple[Instance, ...]:
    """Read the instances, by their numbers."""
    own = [pod for pod in pods if _label(pod, COMPONENT) == INSTANCE]
    said = {pod["metadata"]["name"]: _said(pod) for pod in own}
    heads = [
        int(s["xlog_location"])
        for s in said.values()
        if s.get("role") in ("primary", "master") and s.get("xlog_location")
    ]
    volumes = {c["metadata"]["name"]: c for c in claims if _label(c, COMPONENT) == INSTANCE}
    found = {
        p["metadata"]["name"]: _instance(p, said[p["metadata"]["name"]], max(heads, default=None), volumes)
        for p in own
    }
    for name, claim in volumes.items():
        pod = name.partition("-")[2]
        found.setdefault(pod, Instance(pod, state="stopped", volume_bytes=_capacity(claim)))
    return tuple(sorted(found.values(), key=lambda each: _ordinal(each.name)))


def _instance(pod: Manifest, said: Manifest, head: int | None, volumes: Mapping[str, Manifest]) -> Instance:
    name, tags = pod["metadata"]["name"], said.get("tags") or {}
    role, position = _label(pod, ROLE), said.get("xlog_location")
    lag = max(0, head - int(position)) if role != "primary" and head is not None and position else None
    room = tags.get("room")
    return Instance(
        name=name,
        role=role,
        state=_state(pod, said),
        ready=_ready(pod),
        timeline=said.get("timeline"),
        lag_bytes=lag,
        node=(pod.get("spec") or {}).get("nodeName", ""),
        volume_bytes=_capacity(volumes.get(f"data-{name}", {})),
        free_bytes=room * _MIB if isinstance(room, int) else None,
        disk_full=tags.get("disk_full") is True,
    )


def _said(pod: Manifest) -> Manifest:
    """Return what Patroni says of its member (Patroni, ha.py, touch_member)."""
    try:
        said = json.loads((pod["metadata"].get("annotations") or {}).get("status", ""))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _state(pod: Manifest, said: Manifest) -> str:
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"]:
        return "ending"
    statuses = status.get("containerStatuses") or []
    state = next((each.get("state") or {} for each in statuses if each["name"] == CONTAINER), {})
    if waiting := state.get("waiting"):
        return str(waiting.get("reason") or "waiting")
    if ended := state.get("terminated"):
        return f"ended ({ended.get('reason')}, {ended.get('exitCode')})"
    if not state:
        return str(status.get("reason") or status.get("phase") or "unknown")
    streams = said.get("replication_state") == "streaming"
    word = "streaming" if streams else str(said.get("state") or "starting")
    return word if _ready(pod) else f"{word}, not ready"


def _ready(pod: Manifest) -> bool:
    found = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in found)


def _capacity(claim: Manifest) -> int | None:
    written = ((claim.get("status") or {}).get("capacity") or {}).get("storage")
    read = parse(written) if written else None
    return int(read) if isinstance(read, Decimal | int) else None


def _label(child: Manifest, name: str) -> str:
    return str((child["metadata"].get("labels") or {}).get(name, ""))


def _ordinal(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _of_backups(job: Manifest) -> bool:
    return bool(_label(job, "keddah.dev/run"))


def _run(job: Manifest) -> Run:
    status = job.get("status") or {}
    ends = {each["type"]: each for each in status.get("conditions") or [] if each["status"] == "True"}
    state = "Running" if status.get("active") else "Pending"
    state = "Succeeded" if "Complete" in ends else "Failed" if "Failed" in ends else state
    last = ends.get("Complete") or ends.get("Failed") or {}
    started, ended = moment(status.get("startTime")), moment(last.get("lastTransitionTime"))
    message = str(last.get("message", "")) if state == "Failed" else ""
    return Run(job["metadata"]["name"], _label(job, "keddah.dev/run"), state, started, ended, message)


def event(said: Manifest) -> Event:
    """Read an event of either API."""
    series = said.get("series") or {}
    written = (
        series.get("lastObservedTime")
        or said.get("lastTimestamp")
        or said.get("eventTime")
        or said["metadata"].get("creationTimestamp")
    )
    message = str(said.get("message") or said.get("note") or "")
    return Event(moment(written), str(said.get("type", "Normal")), str(said.get("reason", "")), message)


def instance_name(database: str, given: str) -> str:
    """Return the name of an instance, which may be given as its number."""
    return f"{database}-{given}" if given.isdecimal() else given
