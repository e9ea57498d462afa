"""What a plan can ask for: a closed union of frozen values, each with the reason that is logged for it."""

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
    """Whether it seems that there is none: then it is made, and nothing that is there is written."""

    def __str__(self) -> str:
        return f"apply {self.manifest['kind']} {self.manifest['metadata']['name']}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a child, as long as it is still the one that was seen."""

    kind: str
    name: str
    uid: str
    reason: str

    def __str__(self) -> str:
        return f"delete {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class GrowClaim:
    """Ask for a larger volume."""

    name: str
    size: str
    reason: str

    def __str__(self) -> str:
        return f"grow claim {self.name} to {self.size}"


@dataclass(frozen=True, slots=True)
class SetFinalizers:
    """Put or remove keddah's finalizer on the database; the precondition is what was seen."""

    finalizers: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return "set finalizers"


@dataclass(frozen=True, slots=True)
class Identify:
    """Tell Patroni which database this is, before an instance without data begins another."""

    config: str
    identifier: str
    reason: str

    def __str__(self) -> str:
        return f"write the system identifier to {self.config}"


@dataclass(frozen=True, slots=True)
class Reload:
    """Have a member read its files again; nothing is disturbed by it."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"reload {self.pod}"


@dataclass(frozen=True, slots=True)
class Wake:
    """Have the primary look at once at who is gone; nothing is disturbed by it."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"wake {self.pod}"


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Disruptive: end one instance's pod; the StatefulSet makes it anew from its newest template."""

    name: str
    uid: str
    reason: str

    def __str__(self) -> str:
        return f"restart pod {self.name}"


@dataclass(frozen=True, slots=True)
class RestartPostgres:
    """Disruptive: restart the server inside a pod, if Patroni still says that a restart is pending."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"restart PostgreSQL in {self.pod}"


@dataclass(frozen=True, slots=True)
class Switchover:
    """Disruptive: Patroni's switchover, which loses nothing."""

    leader: str
    candidate: str | None
    """None leaves the choice to Patroni's race, which the most advanced standby wins."""
    ip: str
    """Of the leader, which is woken."""
    asked: str
    """Address of the standby that is asked."""
    reason: str

    def __str__(self) -> str:
        return f"switch over from {self.leader} to {self.candidate or 'the most advanced standby'}"


@dataclass(frozen=True, slots=True)
class ReleaseLock:
    """Take the lock away from a holder that is dead; on the condition that the lock is as it was seen."""

    holder: str
    lock: str
    version: str
    reason: str

    def __str__(self) -> str:
        return f"release the lock of {self.holder}"


@dataclass(frozen=True, slots=True)
class RelabelStandby:
    """Take the label of the primary from a pod that does not hold the lock."""

    pod: str
    reason: str

    def __str__(self) -> str:
        return f"label {self.pod} standby"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Disruptive: have a standby throw its data away and copy the primary's."""

    pod: str
    uid: str
    ip: str
    number: int
    """Of this rebuild among those of the same pod; each waits longer than the one before."""
    reason: str

    def __str__(self) -> str:
        return f"clone {self.pod} again from the primary"


@dataclass(frozen=True, slots=True)
class Discard:
    """Disruptive: delete a volume claim with its data, and the pod on it; both are made anew elsewhere."""

    claim: str
    uid: str
    pod: str
    """"" when there is none, or when it is ending already."""
    pod_uid: str
    reason: str

    def __str__(self) -> str:
        return f"discard {self.claim}"


Disruption: TypeAlias = Discard | Rebuild | DeletePod | RestartPostgres | Switchover
Remedy: TypeAlias = ReleaseLock | RelabelStandby | Identify
Action: TypeAlias = Apply | Delete | GrowClaim | SetFinalizers | Reload | Wake | Remedy | Disruption
