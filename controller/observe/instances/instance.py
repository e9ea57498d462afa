"""One instance as one reconcile sees it (read by `manifests`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from controller.desired.labels import ROLE
from controller.observe.instances.pods import Trouble
from controller.protocol.member import Archiving

Role: TypeAlias = Literal["primary", "standby"]

ROLE_LABEL = ROLE
OUT_OF_MEMORY = "OOMKilled"
"""The kubelet's reason for a container whose end, or that of a process of it, the kernel caused."""
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
    position: int | None
    """WAL position in bytes, at most one Patroni loop (`loop_wait`) old; None while it does not run."""
    pending_restart: Mapping[str, tuple[str, str]] | None
    """Parameters that wait for a restart, with old and new value; None when no restart is pending."""
    start_id: str
    """Changes with every start of the container."""
    ended: str
    """How the container terminated, as the kubelet reports it; "" while the container runs."""
    shares_processes: bool
    """Whether the containers share a PID namespace: PostgreSQL may then outlive its container."""
    trouble: Trouble | None
    beside: bool = False
    """Whether only other containers keep its pod from being Ready; it is `ready` if the server says so."""
    timeline: int | None = None
    """PostgreSQL's timeline as Patroni reports it; None when unknown."""
    rebuilds: int = 0
    """How often the controller had this pod's data cloned again."""
    started_at: datetime | None = None
    """When the kubelet accepted the pod (status.startTime)."""
    running_since: datetime | None = None
    """When the container that runs was started, rounded down to the second; None while none runs."""
    ended_at: datetime | None = None
    last_end: str = ""
    """How the container last terminated, even if it runs again; "" if it never did."""
    last_end_at: datetime | None = None
    """When it last terminated, rounded down to the second, by the clock of its node."""
    disk_full: bool = False
    """Whether its volume is full, as its Patroni last reported."""
    room: int = 0
    """How many MiB its volume has free, as it reports (protocol, Report); 0 if it does not say."""
    restarting: bool = False
    """Whether its server restarts because it was asked to; its pod's annotation may not tell yet."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """Slots of others, whose consumers are away, and how many MiB of WAL each holds, or `member.LOST`."""
    damage: str = ""
    """Why its data is useless, as it reports (protocol, DAMAGE); "" while it has found nothing."""
    superseded: bool = False
    """Whether its data is that from before a restore in place, which a copy of the primary replaces."""
    copy: str = ""
    """What it reports of the last copy of the primary that failed (protocol, COPIES)."""
    crashed_at: datetime | None = None
    """When its server last recovered from the crash of one of its processes."""
    killed_at: datetime | None = None
    """When the kernel last killed one of its processes for lack of memory, while the container lived on."""
    restoring: str = ""
    """How far it has restored its first data, in words; "" while it restores nothing."""
    replaced: str = ""
    """The mark of the restore in place by which its data was replaced; "" while there is none."""
    last_words: str = ""
    """What its container left as its termination message when it last ended."""
    archiving: Archiving | None = None
    """How it archives; None where it does not tell, as a standby does not."""
    access: str = ""
    """Digest of databases and roles, as a primary reports it; "" where it does not."""
    queries: str = ""
    """What is wrong with custom queries, as it reports; "" while nothing is."""
    asks: frozenset[str] = frozenset()
    """The arguments that name custom queries to the exporter of its pod."""
    configuration: str = ""
    """Version of the configuration that its Patroni has applied, and that `pending_restart` is about.

    "" when its image does not tell.
    """
    file: str = ""
    """Digest of the patroni.yml that its pod was made for (`desired.instances.patroni.digest`)."""

    @property
    def fit(self) -> bool:
        """Whether it is ready, not being deleted, and the primary or a streaming standby."""
        return self.ready and not self.deleting and (self.role == "primary" or self.streaming)
