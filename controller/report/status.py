"""The status of a database: a pure function of the last status, the world and how the pass ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from controller.desired.probes import MOST_BEHIND_MIB
from controller.kube.kinds import DATABASE_LABEL
from controller.observe.images import behind
from controller.observe.world import World
from controller.plan.instances.scaling import declared_instances
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.upgrade import Choice, reported
from controller.report.events import Type
from schemas.types import Condition, PostgreSQLDatabase

Truth = bool | None
_USUAL = frozenset(
    {
        "Creating",
        "DiscardingVolume",
        "Hibernated",
        "InstancesEnding",
        "InstancesStarting",
        "Reconciling",
        "RollingOut",
        "ScaleDownWaits",
        "StandbysCatchingUp",
        "SwitchingOver",
        "VolumesGrowing",
    }
)
"""Reasons of a database that is intentionally not Ready: no warning."""
_GRAVE = frozenset({"DiskFull", "VolumeCannotGrow"})
"""Reasons of a database that may be Ready, but needs intervention to stay so."""
_OF_IMAGES: Mapping[str, Type] = {
    "DowngradeRefused": "Warning",
    "NotInCatalogue": "Warning",
    "UpgradeHalted": "Warning",
    "UpgradePending": "Normal",
    "UpgradeQueued": "Normal",
    "Upgrading": "Normal",
}
"""Reasons of a database that is not UpToDate, where no other condition tells of them."""
_WORDS = {True: "True", False: "False", None: "Unknown"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition before it is compared with the last status."""

    type: str
    holds: Truth
    reason: str
    message: str


def status(
    db: PostgreSQLDatabase,
    world: World,
    outcome: Outcome,
    choice: Choice | None = None,
    *,
    judged: bool,
    now: str,
) -> dict[str, Any]:
    """Return the whole status to store.

    `choice` is the image that was chosen, None where none could be. `judged` tells whether this
    generation was fully judged: only then does observedGeneration move.
    `now` (RFC 3339) is used for conditions whose status changed, and nowhere else, so that an unchanged
    world gives an equal status.
    """
    before = db.status
    expected = _expected(db)
    ready = sum(instance.ready and not instance.deleting for instance in world.instances)
    generation = db.metadata.generation if judged else before.observed_generation
    findings = [*_findings(db, world, outcome), _up_to_date(db, world, outcome, choice)]
    result: dict[str, Any] = {
        "readyReplicas": ready,
        "ready": f"{ready}/{expected}",
        "replicas": len(world.instances),
        "selector": f"{DATABASE_LABEL}={db.metadata.name}",
        "conditions": [_stamped(finding, db, now) for finding in findings],
    }
    primary = world.primary
    optional = {
        "primary": primary.name if primary else UNSET,
        "currentVersion": world.server_version or before.current_version,
        "lastBackupTime": before.last_backup_time,
        "observedGeneration": generation,
    }
    return result | {name: value for name, value in optional.items() if value is not UNSET}


def _expected(db: PostgreSQLDatabase) -> int:
    return 0 if db.spec.hibernated else declared_instances(db)


def _findings(db: PostgreSQLDatabase, world: World, outcome: Outcome) -> list[Finding]:
    expected = _expected(db)
    return [
        _ready(world, outcome, expected),
        Finding("Reconciling", isinstance(outcome, Waiting), outcome.reason, outcome.message),
        Finding("Stalled", isinstance(outcome, Stalled), outcome.reason, outcome.message),
        _replicated(world, expected, synchronous=db.spec.synchronous != "Off"),
        Finding("BackedUp", None, "NotSupportedYet", "Backups come with a later release"),
        Finding("ArchivingWAL", None, "NotSupportedYet", "WAL archiving comes with a later release"),
    ]


def _ready(world: World, outcome: Outcome, expected: int) -> Finding:
    """All instances serve: what `kubectl wait --for=condition=Ready` waits for."""
    if isinstance(outcome, Stalled):
        serving = world.primary is not None and world.primary.ready
        return Finding("Ready", serving and _complete(world, expected), outcome.reason, outcome.message)
    if expected == 0:
        return Finding("Ready", False, "Hibernated", outcome.message)
    if isinstance(outcome, Done) or _complete(world, expected):
        message = f"{expected} of {expected} instances serve"
        if isinstance(outcome, Waiting):
            # An event takes its words from here, and the reason alone would not say why.
            return Finding("Ready", True, outcome.reason, f"{message}; {outcome.message}")
        return Finding("Ready", True, "Ready", message)
    return Finding("Ready", False, outcome.reason, outcome.message)


def _complete(world: World, expected: int) -> bool:
    """Whether every pod is Ready, and one has the lock and the label by which the Service finds it."""
    primary = world.primary
    return (
        primary is not None
        and primary.fit
        and len(world.instances) == expected
        and all(instance.fit for instance in world.instances)
    )


def _replicated(world: World, expected: int, *, synchronous: bool) -> Finding:
    """Whether every standby follows and, unless that is not asked for, commits wait for one of them."""
    if expected <= 1:
        return Finding("Replicated", False, "SingleInstance", "There is no standby")
    following = [i.name for i in world.instances if i.fit and i.role == "standby"]
    primary = world.primary
    if primary is None:
        return Finding("Replicated", False, "NoPrimary", "No primary is known")
    behind = {i.name: _mebibytes(primary.position - i.position) for i in world.instances if i.streaming}
    holds = len(following) >= expected - 1
    if holds and synchronous and not world.leadership.synchronous.intersection(following):
        # Patroni names its synchronous standbys some time after they stream: till then a commit is alone.
        return Finding("Replicated", False, "NotSynchronous", "No standby acknowledges commits yet")
    lag = max((behind[name] for name in following), default=0)
    message = f"{len(following)} of {expected - 1} standbys stream, at most {lag} MiB behind"
    late = {name: lag for name, lag in behind.items() if name not in following and lag > MOST_BEHIND_MIB}
    if late:
        told = ", ".join(f"{name} is {lag} MiB behind" for name, lag in late.items())
        message = f"{message}; {told}, where {MOST_BEHIND_MIB} are allowed"
        return Finding("Replicated", holds, "StandbysBehind", message)
    return Finding("Replicated", holds, "Streaming" if holds else "StandbysMissing", message)


def _mebibytes(lag: int) -> int:
    """Round up to whole segments of 16 MiB: what moved with every commit would be written with each."""
    return 16 * max(0, -(-lag // (16 << 20)))


def _up_to_date(db: PostgreSQLDatabase, world: World, outcome: Outcome, choice: Choice | None) -> Finding:
    """Every pod has the image that the policy means by spec.version, and that holds what it should."""
    kind, known = "UpToDate", reported(db, world)
    if choice is None:
        return Finding(kind, None, outcome.reason, outcome.message)
    if choice.held is not None:
        return Finding(kind, False, choice.held.reason, choice.held.message)
    late = behind(world, choice.image)
    if late:
        return Finding(kind, False, "Upgrading", f"to {choice.image}: {', '.join(late)} still to follow")
    if known is None:
        return Finding(kind, None, "NotReported", "No server has told its version yet")
    if known != choice.version:
        message = f"{known} runs; the policy says that its image holds {choice.version}"
        return Finding(kind, False, "VersionMismatch", message)
    return Finding(kind, True, "AsAllowed", f"{known}, as the policy has it for version {db.spec.version}")


def _stamped(finding: Finding, db: PostgreSQLDatabase, now: str) -> dict[str, Any]:
    truth = _WORDS[finding.holds]
    last = _last(db, finding.type)
    since = last.last_transition_time if last and last.status == truth else now
    return {
        "type": finding.type,
        "status": truth,
        "reason": finding.reason,
        "message": finding.message,
        "lastTransitionTime": since,
        "observedGeneration": db.metadata.generation,
    }


def _last(db: PostgreSQLDatabase, kind: str) -> Condition | None:
    return next((condition for condition in db.status.conditions if condition.type == kind), None)


def transitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[Type, str, str]]:
    """Return what deserves an Event: (event type, reason, message) for what changed."""
    events: list[tuple[Type, str, str]] = []
    old = {c["type"]: c for c in before.get("conditions") or []}
    for condition in after.get("conditions") or []:
        last = old.get(condition["type"], {})
        changed = (last.get("status"), last.get("reason")) != (condition["status"], condition["reason"])
        if condition["type"] == "Ready" and changed:
            usual = condition["status"] == "True" or condition["reason"] in _USUAL
            kind: Type = "Normal" if usual and condition["reason"] not in _GRAVE else "Warning"
            events.append((kind, condition["reason"], condition["message"]))
        if condition["type"] == "UpToDate" and changed:
            events.extend(_of_images(last, condition))
    return events


def _of_images(last: Mapping[str, Any], condition: Mapping[str, Any]) -> list[tuple[Type, str, str]]:
    if condition["status"] == "True" and last.get("status") == "False":
        return [("Normal", "UpToDate", condition["message"])]
    kind = _OF_IMAGES.get(condition["reason"])
    return [(kind, condition["reason"], condition["message"])] if kind else []
