"""The actions of a plan: a closed union of frozen values, each with the reason to log for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from controller.kube.objects import Manifest
from controller.plan.step import Step


@dataclass(frozen=True, slots=True)
class Apply:
    """Write a child by server-side apply."""

    manifest: Manifest
    reason: str
    absent: bool = False
    """Whether the child seems not to exist: then it is only created, and an existing one is not changed."""
    version: str | None = field(default=None, compare=False)
    """The child's resourceVersion as precondition, for what others write into it; None for no condition."""

    def __str__(self) -> str:
        return f"apply {self.manifest['kind']} {self.manifest['metadata']['name']}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a child; its UID and its resourceVersion are the precondition."""

    kind: str
    name: str
    uid: str
    version: str
    reason: str
    namespace: str
    event: str = ""
    """Reason of the event that tells of it; "" for none: what is keddah's own is nobody's loss."""

    def __str__(self) -> str:
        return f"delete {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class EndTries:
    """Have a Job not be tried again; its resourceVersion is the precondition."""

    job: str
    version: str
    reason: str

    def __str__(self) -> str:
        return f"end the tries of {self.job}"


@dataclass(frozen=True, slots=True)
class GrowClaim:
    """Request a larger volume."""

    name: str
    size: str
    reason: str

    def __str__(self) -> str:
        return f"grow claim {self.name} to {self.size}"


@dataclass(frozen=True, slots=True)
class KeepClaim:
    """Take the label off a claim by which others would prune it, and tell them not to."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"keep claim {self.name} from being pruned"


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
class Uninitialize:
    """Take Patroni's notes away while no instance runs: the next to start begins as that of a new one."""

    state: tuple[tuple[str, tuple[str, ...]], ...]
    """Names of its ConfigMaps, each with the annotations to remove."""
    reason: str

    def __str__(self) -> str:
        return "take Patroni's state away"


@dataclass(frozen=True, slots=True)
class Reload:
    """Make a member reload its files (certificates, configuration). Not disruptive."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"reload {self.pod}"


@dataclass(frozen=True, slots=True)
class TriggerLoop:
    """Make the primary's Patroni run its loop now, to update the synchronous standbys. Not disruptive."""

    pod: str
    ip: str
    reason: str

    def __str__(self) -> str:
        return f"trigger the loop of {self.pod}"


@dataclass(frozen=True, slots=True)
class RetryPods:
    """Wake the StatefulSet's controller, which waits longer after each pod that it could not create."""

    statefulset: str
    moment: str
    reason: str

    def __str__(self) -> str:
        return f"have the pods of {self.statefulset} created again"


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
        return f"have a standby take over from {self.holder}"


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


@dataclass(frozen=True, slots=True)
class Execute:
    """Execute statements about databases and roles, one after the other, over one connection."""

    database: str
    steps: tuple[Step, ...]
    ip: str
    host: str
    """Of the primary, and the name that its certificate is for."""
    reason: str

    def __str__(self) -> str:
        return f"execute {len(self.steps)} statement{'s' if len(self.steps) > 1 else ''} in {self.database}"


Disruption: TypeAlias = Discard | Rebuild | DeletePod | RestartPostgres | Switchover
Remedy: TypeAlias = ReleaseLock | RelabelStandby | Identify | Uninitialize
OfClaim: TypeAlias = GrowClaim | KeepClaim
Single: TypeAlias = (
    Apply
    | Delete
    | EndTries
    | OfClaim
    | SetFinalizers
    | Reload
    | TriggerLoop
    | RetryPods
    | Remedy
    | Disruption
)
Action: TypeAlias = Single | Execute


def doing(step: Disruption) -> str:
    """Return the reason under which a disruptive step is reported, in the condition and by an event."""
    match step:
        case Rebuild():
            return "RebuildingStandby"
        case Discard():
            return "DiscardingVolume"
        case Switchover():
            return "SwitchingOver"
        case _:
            return "RollingOut"
