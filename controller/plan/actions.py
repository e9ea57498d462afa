"""The actions of a plan: a closed union of frozen values, each with the reason to log for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Apply:
    """Write a child by server-side apply."""

    manifest: Manifest
    reason: str
    absent: bool = False
    """Whether the child seems not to exist: then it is only created, and an existing one is not changed."""

    def __str__(self) -> str:
        return f"apply {self.manifest['kind']} {self.manifest['metadata']['name']}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a child; the UID is the precondition."""

    kind: str
    name: str
    uid: str
    reason: str

    def __str__(self) -> str:
        return f"delete {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class GrowClaim:
    """Request a larger volume."""

    name: str
    size: str
    reason: str

    def __str__(self) -> str:
        return f"grow claim {self.name} to {self.size}"


@dataclass(frozen=True, slots=True)
class SetFinalizers:
    """Set the finalizers of the database; its resourceVersion is the precondition."""

    finalizers: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return "set finalizers"


@dataclass(frozen=True, slots=True)
class Identify:
    """Restore the system identifier in Patroni's ConfigMap, before an empty instance runs initdb."""

    config: str
    identifier: str
    reason: str

    def __str__(self) -> str:
        return f"write the system identifier to {self.config}"


@dataclass(frozen=True, slots=True)
class Reload:
    """Make a member reload its files (certificates, configuration). Not disruptive."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"reload {self.pod}"


@dataclass(frozen=True, slots=True)
class Wake:
    """Make the primary's Patroni run its loop now, to update the synchronous standbys. Not disruptive."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"wake {self.pod}"


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Disruptive: delete a pod; the StatefulSet creates it again from the newest template."""

    name: str
    uid: str
    reason: str

    def __str__(self) -> str:
        return f"restart pod {self.name}"


@dataclass(frozen=True, slots=True)
class RestartPostgres:
    """Disruptive: restart PostgreSQL inside a pod, if Patroni still reports a pending restart."""

    pod: str
    ip: str
    reason: str
    primary: str | None = None
    """IP of the primary, whose Patroni is woken: a standby stops only when it is not synchronous any more."""

    def __str__(self) -> str:
        return f"restart PostgreSQL in {self.pod}"


@dataclass(frozen=True, slots=True)
class Switchover:
    """Disruptive: Patroni's switchover, which loses no commit."""

    leader: str
    candidate: str | None
    """None lets Patroni choose: the most advanced standby wins the leader race."""
    ip: str
    """IP of the leader, whose Patroni is woken to start at once."""
    asked: str
    """IP of the standby that gets the request."""
    reason: str

    def __str__(self) -> str:
        return f"switch over from {self.leader} to {self.candidate or 'the most advanced standby'}"


@dataclass(frozen=True, slots=True)
class ReleaseLock:
    """Release the leader lock of a dead primary; the lock's resourceVersion is the precondition."""

    holder: str
    lock: str
    version: str
    reason: str

    def __str__(self) -> str:
        return f"release the lock of {self.holder}"


@dataclass(frozen=True, slots=True)
class RelabelStandby:
    """Label a pod as standby that is labelled primary and does not hold the lock."""

    pod: str
    reason: str

    def __str__(self) -> str:
        return f"label {self.pod} standby"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Disruptive: make a standby discard its data and clone the primary (Patroni's reinitialize)."""

    pod: str
    uid: str
    ip: str
    number: int
    """How many rebuilds this pod has had, this one included; each waits longer than the one before."""
    reason: str

    def __str__(self) -> str:
        return f"clone {self.pod} again from the primary"


@dataclass(frozen=True, slots=True)
class Discard:
    """Disruptive: delete a volume claim with its data, and its pod; both are created again."""

    claim: str
    uid: str
    pod: str
    """"" when there is no pod, or when it is being deleted already."""
    pod_uid: str
    reason: str

    def __str__(self) -> str:
        return f"discard {self.claim}"


Disruption: TypeAlias = Discard | Rebuild | DeletePod | RestartPostgres | Switchover
Remedy: TypeAlias = ReleaseLock | RelabelStandby | Identify
Action: TypeAlias = Apply | Delete | GrowClaim | SetFinalizers | Reload | Wake | Remedy | Disruption
