"""The world as one reconcile sees it: frozen, made from manifests, judged by nobody here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from controller.desired import names
from controller.desired.labels import ROLE
from controller.desired.pod import CONTAINER
from controller.kube.kinds import EMPTYING
from controller.observe import pods
from controller.observe.pods import Trouble

Manifest: TypeAlias = dict[str, Any]
Children: TypeAlias = Mapping[str, Mapping[str, Manifest]]
Role: TypeAlias = Literal["primary", "standby"]

ROLE_LABEL = ROLE
REVISION_LABEL = "controller-revision-hash"
DATABASE_CONTAINER = CONTAINER
DISCARD = "keddah.dev/discard"
"""Annotation of a volume claim, with which people give it up: its own UID."""
REBUILDS = "keddah.dev/rebuilds"
"""Annotation of a pod: how often its data was copied anew."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One pod of the database, with what Patroni says of the server inside."""

    name: str
    uid: str
    ordinal: int
    ip: str
    node: str
    revision: str
    deleting: bool
    ready: bool
    role: Role | None
    """What the label says; the lock's holder is the authority."""
    state: str
    """Patroni's word for the server: running, starting, stopped, crashed …"""
    streaming: bool
    position: int
    """WAL position in bytes, at most a Patroni loop old."""
    pending_restart: Mapping[str, tuple[str, str]] | None
    """Parameters, old and new value, for which the server must restart; None when it need not."""
    start_id: str
    """Changes with every start of the container."""
    ended: str
    """How the container ended, as the kubelet says, while it does not run; "" while it does."""
    shares_processes: bool
    """Whether the pod's containers see one another's processes: one that ended proves nothing then."""
    trouble: Trouble | None
    timeline: int = 0
    """PostgreSQL's timeline that it is on, as far as Patroni tells."""
    rebuilds: int = 0
    """How often this pod has been copied anew."""
    started_at: datetime | None = None
    """When the kubelet took the pod on."""
    ended_at: datetime | None = None
    last_end: str = ""
    """How the container ended last, of which another may run by now; "" if it never did."""
    last_end_at: datetime | None = None
    """When the container that `ended` tells of did, to the second below; by the clock of its node."""

    @property
    def fit(self) -> bool:
        """Whether it could take over or be relied upon: there to stay, ready, and following."""
        return self.ready and not self.deleting and (self.role == "primary" or self.streaming)


@dataclass(frozen=True, slots=True)
class Leadership:
    """Patroni's ConfigMaps: who holds the lock, who may take it."""

    holder: str | None = None
    synchronous: frozenset[str] = frozenset()
    """Standbys that hold every acknowledged commit, or vote for who does."""
    last_primary: str | None = None
    """Who acknowledged the newest commits, where they are acknowledged synchronously (/sync)."""
    alone: bool = False
    """Whether the primary acknowledges by itself: no standby need hold the newest commits."""
    quorum: int = 0
    """How many other voters must be seen by the one that takes over (Patroni, quorum commit)."""
    initialized: bool = False
    """Whether a database was ever made under this name: either of two ConfigMaps is proof enough."""
    identifier: str = ""
    """PostgreSQL's system identifier, once there is a database."""
    paused: bool = False
    lock_version: str = ""
    """resourceVersion of the lock, the precondition for taking it away."""
    acquired: datetime | None = None
    """When its holder took the lock, by the same clock as `renewed`."""
    renewed: datetime | None = None
    """When its holder last renewed the lock, by the clock of the holder's node."""
    former: str | None = None
    """Who held the lock before, as far as the watches told."""
    former_renewed: datetime | None = None
    """When that one last renewed it, by the clock of its node."""

    def eligible(self, name: str) -> bool:
        """Whether Patroni lets this standby take over: no acknowledged commit may be missing from it."""
        return not self.alone and (not self.synchronous or name in self.synchronous)


@dataclass(frozen=True, slots=True)
class Claim:
    """The volume claim of one instance."""

    name: str
    uid: str
    ordinal: int
    requested: str
    capacity: str | None
    bound: bool
    storage_class: str | None
    discard: str = ""
    """The UID of the volume that somebody gives up, by annotation."""
    deleting: bool = False
    """Somebody deleted it: it stays for as long as its pod does, and no longer."""
    resize: str = ""
    """How far Kubernetes has come with making its volume larger (status.allocatedResourceStatuses)."""


@dataclass(frozen=True, slots=True)
class Node:
    """What matters of a node."""

    ready: bool
    """False too when the kubelet was not heard of: then what it said last may be over."""
    cordoned: bool
    """Whether it is to be emptied: its pods may be evicted at any time, and no new one is put there."""


@dataclass(frozen=True, slots=True)
class StorageClass:
    """What matters of a StorageClass, besides that it exists."""

    expandable: bool
    """Whether its volumes may grow."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything around one database that a plan may look at."""

    children: Children = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    claims: tuple[Claim, ...] = ()
    leadership: Leadership = field(default_factory=Leadership)
    storage_classes: Mapping[str, StorageClass] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    idle: Mapping[str, float] = field(default_factory=dict)
    """Seconds for which a pod, by UID, has neither moved nor followed, as far as anybody watched."""
    forgiven: Mapping[str, int] = field(default_factory=dict)
    """How many of the copies of a pod, by UID, count no more, for it has followed for long since."""
    without_wal: frozenset[str] = frozenset()
    """Pods, by UID, whose log says that the primary has removed WAL that they need."""
    former: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL's parameters as they were before they last changed, if that was a moment ago."""
    server_version: str | None = None
    moved: Mapping[str, str | None] = field(default_factory=dict)
    """While a change of image is under way, the version that each ready pod with the new one reports."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """PEM that each pod serves with, where it was asked; it is asked when Secrets are looked at."""

    @property
    def statefulset(self) -> Manifest | None:
        """The one StatefulSet of instances, if it exists."""
        return next(iter(self.children.get("StatefulSet", {}).values()), None)

    @property
    def primary(self) -> Instance | None:
        """The instance that holds the lock and says itself that it is primary."""
        holders = [i for i in self.instances if i.name == self.leadership.holder and i.role == "primary"]
        return holders[0] if holders else None


def ordinal(name: str) -> int:
    """Return the number at the end of a StatefulSet's pod or claim name; -1 if there is none."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdecimal() else -1


def instance(pod: Manifest) -> Instance:
    """Read a pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    labels = metadata.get("labels") or {}
    member = pods.member(metadata)
    role = labels.get(ROLE_LABEL)
    container = pods.container(status)
    return Instance(
        name=metadata["name"],
        uid=metadata["uid"],
        ordinal=ordinal(metadata["name"]),
        ip=status.get("podIP", ""),
        node=(pod.get("spec") or {}).get("nodeName", ""),
        revision=labels.get(REVISION_LABEL, ""),
        deleting="deletionTimestamp" in metadata,
        ready=pods.condition(status, "Ready") == "True",
        role=role if role in ("primary", "standby") else None,
        state=member.get("state", ""),
        streaming=member.get("replication_state") == "streaming",
        position=int(member.get("xlog_location") or 0),
        pending_restart=pods.pending_restart(member),
        start_id=container.get("containerID", ""),
        ended=pods.end(pods.termination(container)),
        shares_processes=(pod.get("spec") or {}).get("shareProcessNamespace") is True,
        trouble=pods.trouble(status, container, member),
        timeline=pods.number(member.get("timeline")),
        rebuilds=pods.number((metadata.get("annotations") or {}).get(REBUILDS)),
        started_at=pods.moment(status.get("startTime")),
        ended_at=pods.moment(pods.termination(container).get("finishedAt")),
        last_end=pods.end(pods.last_termination(container)),
        last_end_at=pods.moment(pods.last_termination(container).get("finishedAt")),
    )


def leadership(config_maps: Mapping[str, Manifest], scope: str) -> Leadership:
    """Read Patroni's ConfigMaps of one scope."""

    def metadata(name: str) -> Manifest:
        return config_maps.get(name, {}).get("metadata") or {}

    def annotations(name: str) -> dict[str, str]:
        return metadata(name).get("annotations") or {}

    lock, config = annotations(names.lock(scope)), annotations(names.config(scope))
    sync = annotations(names.sync(scope))
    version = metadata(names.lock(scope)).get("resourceVersion", "")
    told = (name.strip() for name in sync.get("sync_standby", "").split(","))
    standbys = frozenset(name for name in told if name)
    quorum = sync.get("quorum", "")
    return Leadership(
        holder=lock.get("leader") or None,
        synchronous=standbys,
        last_primary=sync.get("leader") or None,
        alone=bool(sync.get("leader")) and not standbys,
        quorum=int(quorum) if quorum.isdecimal() else 0,
        initialized=bool(config.get("initialize") or lock),
        identifier=config.get("initialize", ""),
        paused=pods.parsed(config.get("config")).get("pause") is True,
        lock_version=version,
        acquired=pods.moment(lock.get("acquireTime")),
        renewed=pods.moment(lock.get("renewTime")),
    )


def configured(config_maps: Mapping[str, Manifest], scope: str) -> dict[str, str]:
    """Read the parameters that Patroni is to give PostgreSQL; none where there is no configuration."""
    annotations = config_maps.get(names.config(scope), {}).get("metadata", {}).get("annotations") or {}
    postgresql = pods.parsed(annotations.get("config")).get("postgresql")
    found = postgresql.get("parameters") if isinstance(postgresql, dict) else None
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def claim(manifest: Manifest) -> Claim:
    """Read a volume claim."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    return Claim(
        name=manifest["metadata"]["name"],
        uid=manifest["metadata"]["uid"],
        ordinal=ordinal(manifest["metadata"]["name"]),
        requested=spec["resources"]["requests"]["storage"],
        capacity=(status.get("capacity") or {}).get("storage"),
        bound=status.get("phase") == "Bound",
        storage_class=spec.get("storageClassName"),
        discard=(manifest["metadata"].get("annotations") or {}).get(DISCARD, ""),
        deleting="deletionTimestamp" in manifest["metadata"],
        resize=(status.get("allocatedResourceStatuses") or {}).get("storage", ""),
    )


def storage_class(manifest: Manifest) -> StorageClass:
    """Read a StorageClass."""
    return StorageClass(expandable=manifest.get("allowVolumeExpansion") is True)


def node(manifest: Manifest) -> Node:
    """Read a node."""
    spec = manifest.get("spec") or {}
    ready = pods.condition(manifest.get("status") or {}, "Ready") == "True"
    leaving = any(taint["key"] in EMPTYING for taint in spec.get("taints") or [])
    return Node(ready, cordoned=leaving or spec.get("unschedulable") is True)
