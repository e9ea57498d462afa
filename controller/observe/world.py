"""The state of one database as one reconcile sees it: frozen values (read by `manifests`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from controller.desired.labels import ROLE
from controller.desired.pod import CONTAINER
from controller.observe.pods import Trouble

Manifest: TypeAlias = dict[str, Any]
Children: TypeAlias = Mapping[str, Mapping[str, Manifest]]
Role: TypeAlias = Literal["primary", "standby"]

ROLE_LABEL = ROLE
DATABASE_CONTAINER = CONTAINER
DISCARD = "keddah.dev/discard"
"""Annotation by which a user asks to delete a volume claim with its data; the value is the claim's UID."""
REBUILDS = "keddah.dev/rebuilds"
"""Annotation of a pod: how often the controller had its data cloned again."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One pod of the database, with what Patroni reports about the server in it."""

    name: str
    uid: str
    ordinal: int
    ip: str
    node: str
    revision: str
    deleting: bool
    ready: bool
    role: Role | None
    """From the pod's label. The leader lock decides which instance is the primary, not this."""
    state: str
    """Patroni's word for the server: running, starting, stopped, crashed …"""
    streaming: bool
    position: int
    """WAL position in bytes, at most one Patroni loop (`loop_wait`) old."""
    pending_restart: Mapping[str, tuple[str, str]] | None
    """Parameters that wait for a restart, with old and new value; None when no restart is pending."""
    start_id: str
    """Changes with every start of the container."""
    ended: str
    """How the container terminated, as the kubelet reports it; "" while the container runs."""
    shares_processes: bool
    """Whether the containers share a PID namespace: PostgreSQL may then outlive its container."""
    trouble: Trouble | None
    timeline: int = 0
    """PostgreSQL's timeline as Patroni reports it; 0 when unknown."""
    rebuilds: int = 0
    """How often the controller had this pod's data cloned again."""
    started_at: datetime | None = None
    """When the kubelet accepted the pod (status.startTime)."""
    ended_at: datetime | None = None
    last_end: str = ""
    """How the container last terminated, even if it runs again; "" if it never did."""
    last_end_at: datetime | None = None
    """When it last terminated, rounded down to the second, by the clock of its node."""
    disk_full: bool = False
    """Whether its volume is full, as its Patroni last reported."""
    configuration: str = ""
    """Version of the configuration that its Patroni has applied, and that `pending_restart` is about.

    "" when its image does not tell.
    """

    @property
    def fit(self) -> bool:
        """Whether it is ready, not being deleted, and the primary or a streaming standby."""
        return self.ready and not self.deleting and (self.role == "primary" or self.streaming)


@dataclass(frozen=True, slots=True)
class Leadership:
    """Patroni's ConfigMaps: the holder of the leader lock, and the candidates."""

    holder: str | None = None
    synchronous: frozenset[str] = frozenset()
    """Synchronous standbys; with quorum commit, those that are counted for the quorum (Patroni, /sync)."""
    last_primary: str | None = None
    """The primary that /sync names, which acknowledged the newest commits; None without synchronous mode."""
    alone: bool = False
    """Whether /sync names no standby: the primary acknowledges commits that no standby needs to have."""
    quorum: int = 0
    """How many other voters a candidate must reach before it may be promoted (Patroni, quorum commit)."""
    initialized: bool = False
    """Whether a cluster of this name was ever initialized; either of two ConfigMaps proves it."""
    identifier: str = ""
    """PostgreSQL's system identifier; "" before initdb."""
    paused: bool = False
    lock_version: str = ""
    """resourceVersion of the lock's ConfigMap, the precondition for releasing the lock."""
    acquired: datetime | None = None
    """When its holder took the lock, by the same clock as `renewed`."""
    renewed: datetime | None = None
    """When its holder last renewed the lock, by the clock of the holder's node."""
    former: str | None = None
    """Who held the lock before, as far as the watches reported."""
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
    """Value of the annotation keddah.dev/discard."""
    deleting: bool = False
    """Whether it has a deletionTimestamp: it stays only as long as its pod uses it."""
    resize: str = ""
    """State of a volume expansion (status.allocatedResourceStatuses)."""


@dataclass(frozen=True, slots=True)
class Node:
    """What the controller needs to know of a node."""

    ready: bool
    """Also False when the kubelet stopped reporting: its last reported state may be outdated."""
    cordoned: bool
    """Whether it is cordoned, or tainted for removal by an autoscaler."""


@dataclass(frozen=True, slots=True)
class StorageClass:
    """What the controller needs to know of a StorageClass."""

    expandable: bool
    """allowVolumeExpansion."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything about one database that a plan may use."""

    children: Children = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    claims: tuple[Claim, ...] = ()
    leadership: Leadership = field(default_factory=Leadership)
    storage_classes: Mapping[str, StorageClass] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    idle: Mapping[str, float] = field(default_factory=dict)
    """By pod UID: seconds without streaming and without progress, as far as this process observed."""
    forgiven: Mapping[str, int] = field(default_factory=dict)
    """By pod UID: rebuilds that no longer count, because the pod has been fit for an hour since."""
    without_wal: frozenset[str] = frozenset()
    """UIDs of pods whose log says that the primary has removed WAL that they need."""
    grown: frozenset[str] = frozenset()
    """Claims that grew a moment ago: whether their disks are still full is not known yet."""
    configuration: str = ""
    """Version of Patroni's dynamic configuration, as its ConfigMap has it."""
    server_version: str | None = None
    moved: Mapping[str, str | None] = field(default_factory=dict)
    """During an image change: the version that each ready pod with the new image reports, by pod name."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """Certificate (PEM) that each pod serves with; read only in the reconciles that read the Secrets."""

    @property
    def statefulset(self) -> Manifest | None:
        """The one StatefulSet of instances, if it exists."""
        return next(iter(self.children.get("StatefulSet", {}).values()), None)

    @property
    def primary(self) -> Instance | None:
        """The instance that holds the lock and says itself that it is primary."""
        holders = [i for i in self.instances if i.name == self.leadership.holder and i.role == "primary"]
        return holders[0] if holders else None

    def outdated(self, instance: Instance) -> bool:
        """Whether an instance says that it has applied an older configuration than the newest."""
        return instance.configuration not in ("", self.configuration)


def ordinal(name: str) -> int:
    """Return the ordinal at the end of the name of a StatefulSet's pod or claim; -1 if there is none."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdecimal() else -1
