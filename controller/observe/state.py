"""The state of one database as one reconcile sees it: frozen values (read by `manifests`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from controller.desired.labels import INSTANCE, component_of
from controller.kube.objects import Manifest
from controller.observe.access.state import Access, Entry
from controller.observe.instances.instance import Instance
from controller.observe.restore.source import Source
from controller.protocol.member import CONTAINER

Children: TypeAlias = Mapping[str, Mapping[str, Manifest]]

DATABASE_CONTAINER = CONTAINER
DISCARD = "keddah.dev/discard"
"""Annotation by which a user asks to delete a volume claim with its data; the value is the claim's UID."""
RETRIED = "keddah.dev/retried"
"""Annotation of the StatefulSet: when its controller was last woken to create pods; any change wakes it."""


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
    prunable: bool = False
    """Whether it has the label by which an application of the database's name would take it for its own."""
    resize: str = ""
    """State of a volume expansion (status.allocatedResourceStatuses)."""
    resize_since: str = ""
    """When the expansion began, and what its conditions say (status.conditions)."""

    @property
    def resize_state(self) -> str:
        """The state in words: since when the expansion is under way, and why it is not over."""
        return " ".join(part for part in (self.resize, self.resize_since) if part)


@dataclass(frozen=True, slots=True)
class Revision:
    """A pod template that the StatefulSet had, as Kubernetes keeps it (ControllerRevision)."""

    name: str
    """As the pods of it are labelled."""
    template: Manifest


@dataclass(frozen=True, slots=True)
class Creation:
    """Pods that should exist and do not."""

    missing: tuple[str, ...] = ()
    refusal: str = ""
    """Why one could not be created, in the API server's words; "" as long as nothing is known."""
    retry: str = ""
    """The moment to note on the StatefulSet, if its controller should be woken now."""
    again: float | None = None
    """After how many seconds to look again; None when no pod is missing."""
    former: Revision | None = None
    """The pods' revision before the newest, if the newest's pod is what was refused, and this one's would not
    be as far as a dry run tells."""


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
class ObservedState:
    """Everything about one database that a plan may use."""

    children: Children = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    claims: tuple[Claim, ...] = ()
    leadership: Leadership = field(default_factory=Leadership)
    storage_classes: Mapping[str, StorageClass] | None = field(default_factory=dict)
    """None where they may not be read: the controller has rights in some namespaces only."""
    nodes: Mapping[str, Node] | None = field(default_factory=dict)
    """Those of the instances; None where nodes may not be read."""
    idle: Mapping[str, float] = field(default_factory=dict)
    """By pod UID: seconds without streaming and without progress, as far as this process observed."""
    forgiven: Mapping[str, int] = field(default_factory=dict)
    """By pod UID: rebuilds that no longer count, because the pod has been fit for an hour since."""
    creation: Creation = field(default_factory=Creation)
    without_wal: frozenset[str] = frozenset()
    """UIDs of pods whose log says that the primary has removed WAL that they need."""
    damaged: Mapping[str, str] = field(default_factory=dict)
    """By pod UID: the words by which a server that does not start tells that its data is damaged."""
    kills: Mapping[str, int] = field(default_factory=dict)
    """By pod UID: how often within an hour one was killed for lack of memory, as far as was observed."""
    grown: frozenset[str] = frozenset()
    """Claims that grew a moment ago: whether their disks are still full is not known yet."""
    configuration: str = ""
    """Version of Patroni's dynamic configuration, as its ConfigMap has it."""
    server_version: str | None = None
    moved: Mapping[str, str | None] = field(default_factory=dict)
    """During an image change: the version that each ready pod with the new image reports, by pod name."""
    namespace: tuple[Manifest, ...] = ()
    """Reference to the namespace as an owner; read only when the copy of the keys has none."""
    source: Source | None = None
    """What the database is restored from, until it has its first data; None if it is not."""
    lacking: tuple[str, ...] | None = None
    """What the user's Secrets of the repository lack, in words; None where nobody looked."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """Certificate (PEM) that each pod serves with; read only in the reconciles that read the Secrets."""
    access: Access | None = None
    """Databases and roles in the server; None where nobody looked."""
    refusals: Mapping[Entry, str] = field(default_factory=dict)
    """Why the server refused what is declared of them, when it was tried last."""
    held: frozenset[Entry] = frozenset()
    """Those of them that are not tried again yet."""
    waiting: Mapping[Entry, str] = field(default_factory=dict)
    """What entries wait for, as it was when somebody looked last."""
    unprovisioned: str = ""
    """Why nobody could look, when that was tried last."""
    unwritten: Mapping[str, str] = field(default_factory=dict)
    """Secrets whose last write was refused, by name, and why."""
    seen: datetime | None = None
    """When all this was read."""

    def of(self, component: str, kind: str) -> dict[str, Manifest]:
        """Return the children of one component and kind, by name."""
        found = self.children.get(kind, {})
        return {name: child for name, child in found.items() if component_of(child) == component}

    @property
    def statefulset(self) -> Manifest | None:
        """The one StatefulSet of instances, if it exists."""
        return next(iter(self.of(INSTANCE, "StatefulSet").values()), None)

    @property
    def pods(self) -> dict[str, Manifest]:
        """The pods of the instances, by name."""
        return self.of(INSTANCE, "Pod")

    @property
    def primary(self) -> Instance | None:
        """The instance that holds the lock and says itself that it is primary."""
        holders = [i for i in self.instances if i.name == self.leadership.holder and i.role == "primary"]
        return holders[0] if holders else None

    @property
    def known_primary(self) -> Instance | None:
        """The primary, unless its node stopped reporting: then nobody knows whether it is one still."""
        primary = self.primary
        if primary is None or primary.ready:
            return primary
        return None if self.lost(primary.node) else primary

    def lost(self, node: str) -> bool:
        """Whether a node is known that does not report: an end of what ran there would not be seen."""
        found = (self.nodes or {}).get(node)
        return found is not None and not found.ready

    def reports(self, node: str) -> bool:
        """Whether what a node's kubelet said is still so.

        Where nodes may not be read, that has to do which pods tell: Kubernetes takes their Ready away when it
        misses the kubelet (node lifecycle controller), and whoever acts asks for `fit` instances too.
        """
        found = (self.nodes or {}).get(node)
        return self.nodes is None or (found is not None and found.ready)

    def cordoned(self, node: str) -> bool:
        """Whether a node is known that is being emptied."""
        found = (self.nodes or {}).get(node)
        return found is not None and found.cordoned

    def outdated(self, instance: Instance) -> bool:
        """Whether an instance says that it has applied an older configuration than the newest."""
        return instance.configuration not in ("", self.configuration)


def ordinal(name: str) -> int:
    """Return the ordinal at the end of the name of a StatefulSet's pod or claim; -1 if there is none."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdecimal() else -1
