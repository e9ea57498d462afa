"""The instances in the status: whether they serve and follow, and run what they should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from controller.desired import labels, names
from controller.desired.instances import as_large_as
from controller.desired.instances.parameters import derived
from controller.desired.instances.pod import MOST_BEHIND_MIB, starts
from controller.observe.instances.editions import behind, editions
from controller.observe.ownership import foreign
from controller.observe.state import ObservedState, ordinal
from controller.plan.instances.fallback import noted
from controller.plan.instances.scaling import declared_instances
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.upgrade import NEW_TEMPLATE, Choice, reported
from controller.plan.volumes import largest, smallest
from controller.protocol.member import LOST
from controller.report.finding import Finding, StatusComponent, Subject
from schemas.api.types import PostgreSQLDatabase


def ready(subject: Subject) -> Finding:
    """Find out whether all instances serve, or none runs, as declared: `kubectl wait` waits for this."""
    return _ready(subject.db, subject.observed, subject.outcome)


def _findings(subject: Subject) -> list[Finding]:
    db, observed = subject.db, subject.observed
    return [
        _replicated(observed, _expected(db), synchronous=db.spec.synchronous != "Off"),
        _up_to_date(db, observed, subject.outcome, subject.choice),
    ]


def _fields(subject: Subject) -> dict[str, Any]:
    db, observed = subject.db, subject.observed
    serving = sum(instance.ready and not instance.deleting for instance in observed.instances)
    primary, before = observed.known_primary, db.status
    return {
        "readyReplicas": serving,
        "ready": f"{serving}/{_expected(db)}",
        "replicas": len(observed.instances),
        "selector": labels.counted(db.metadata.name, _pods(db, observed)),
        "primary": primary.name if primary else UNSET,
        "volumeSize": largest(observed) or before.volume_size,
        "parameters": _derived(db, observed) if subject.choice else before.parameters,
        "currentVersion": observed.server_version or before.current_version,
    }


def _derived(db: PostgreSQLDatabase, observed: ObservedState) -> dict[str, str]:
    """Return the derived parameters as they are declared: by the pods that there are, or will be."""
    live, volume = observed.statefulset, smallest(observed)
    # A stranger's StatefulSet of that name has other pods.
    pods = live["spec"]["template"] if live and foreign(db, live) is None else None
    found = derived(as_large_as(pods, db), volume, starts(pods)) if pods else derived(db, volume)
    return dict(sorted(found.items()))


def _expected(db: PostgreSQLDatabase) -> int:
    return 0 if db.spec.hibernated else declared_instances(db)


def _pods(db: PostgreSQLDatabase, observed: ObservedState) -> list[str]:
    """Return the pods to count: those that should exist, hibernated or not, and those that still do."""
    declared = (names.pod(db.metadata.name, number) for number in range(declared_instances(db)))
    return sorted({*declared, *(i.name for i in observed.instances)}, key=ordinal)


def _ready(db: PostgreSQLDatabase, observed: ObservedState, outcome: Outcome) -> Finding:
    expected = _expected(db)
    if db.metadata.deletion_timestamp is not UNSET:
        return Finding("Ready", False, outcome.reason, outcome.message)
    if isinstance(outcome, Stalled):
        return Finding("Ready", _complete(observed, expected), outcome.reason, outcome.message)
    if isinstance(outcome, Waiting) and not _complete(observed, expected):
        return Finding("Ready", False, outcome.reason, outcome.message)
    message = f"{expected} of {expected} instances serve" if expected else "No pods; the volumes are kept"
    if isinstance(outcome, Waiting):
        # An event takes its words from here, and the reason alone would not say why.
        return Finding("Ready", True, outcome.reason, f"{message}; {outcome.message}")
    return Finding("Ready", True, outcome.reason, message)


def _complete(observed: ObservedState, expected: int) -> bool:
    """Whether every pod is Ready, and one has the lock and the label by which the Service finds it.

    Without any instance to come, whether the last one has gone.
    """
    if expected == 0:
        return observed.statefulset is not None and not observed.instances
    primary = observed.primary
    return (
        primary is not None
        and primary.fit
        and len(observed.instances) == expected
        and all(instance.fit and not instance.beside for instance in observed.instances)
    )


def _replicated(observed: ObservedState, expected: int, *, synchronous: bool) -> Finding:
    """Whether every standby follows and, unless that is not asked for, commits wait for one of them."""
    if expected == 0:
        return Finding("Replicated", False, "Hibernated", "No instance runs")
    if expected == 1:
        return Finding("Replicated", False, "SingleInstance", "There is no standby")
    following = [i.name for i in observed.instances if i.fit and i.role == "standby"]
    primary = observed.known_primary
    if primary is None:
        return Finding("Replicated", False, "NoPrimary", "No primary is known")
    behind = {
        i.name: _mebibytes(primary.position - i.position)
        for i in observed.instances
        if i.streaming and primary.position is not None and i.position is not None
    }
    holds = len(following) >= expected - 1
    if holds and synchronous and not observed.leadership.synchronous.intersection(following):
        # Patroni names its synchronous standbys some time after they stream: till then a commit is alone.
        return Finding("Replicated", False, "NotSynchronous", "No standby acknowledges commits yet")
    lag = max((behind[name] for name in following if name in behind), default=0)
    far = f"at most {lag} MiB" if lag else "none"
    message = f"{len(following)} of {expected - 1} standbys stream, {far} behind"
    if unknown := [name for name in following if name not in behind]:
        message = f"{message}, as far as is known ({', '.join(unknown)} does not tell)"
    if primary.slots:
        reason, words = _slots(primary.slots)
        return Finding("Replicated", holds, reason, f"{message}; {words}")
    late = {name: lag for name, lag in behind.items() if lag > MOST_BEHIND_MIB}
    if late:
        told = ", ".join(f"{name} is {lag} MiB behind" for name, lag in late.items())
        message = f"{message}; {told}, so its answers are old"
        return Finding("Replicated", holds, "StandbysBehind", message)
    return Finding("Replicated", holds, "Streaming" if holds else "StandbysMissing", message)


def _slots(slots: Mapping[str, int]) -> tuple[str, str]:
    """Return the reason and the words for slots whose consumers are away."""
    if lost := sorted(name for name, mib in slots.items() if mib == LOST):
        told = f"replication slots are invalid, and their consumers miss changes: {', '.join(lost)}"
        return "SlotInvalid", f"{told}; drop them, and begin anew"
    held = ", ".join(f"{name} ({mib} MiB)" for name, mib in sorted(slots.items()))
    return "SlotHoldsWAL", f"replication slots hold WAL for consumers that are away: {held}"


def _mebibytes(lag: int) -> int:
    """Round up to whole segments of 16 MiB: what moved with every commit would be written with each."""
    return 16 * max(0, -(-lag // (16 << 20)))


def _up_to_date(
    db: PostgreSQLDatabase, observed: ObservedState, outcome: Outcome, choice: Choice | None
) -> Finding:
    """Every pod has this release's template and the policy's image, and that holds what it should."""
    kind, known = "UpToDate", reported(db, observed)
    if choice is None:
        return Finding(kind, None, outcome.reason, outcome.message)
    back = noted(observed, db.metadata.name, db.metadata.uid, choice.template) if choice.template else None
    if back and back.holds(observed):
        return Finding(kind, False, "RolledBack", back.words(observed))
    if choice.held is not None:
        return Finding(kind, False, choice.held.reason, choice.held.message)
    late = behind(observed, choice.edition)
    if late:
        pods = editions(observed)
        same = all(pods[name].image == choice.image for name in late)
        what = NEW_TEMPLATE if same else choice.image
        return Finding(kind, False, "Upgrading", f"to {what}: {', '.join(late)} still to follow")
    if known is None:
        return Finding(kind, None, "NotReported", "No server has told its version yet")
    if known != choice.version:
        message = f"{known} runs; the policy says that its image holds {choice.version}"
        return Finding(kind, False, "VersionMismatch", message)
    return Finding(kind, True, "AsAllowed", f"{known}, as the policy has it for version {db.spec.version}")


INSTANCES: Final = StatusComponent(_findings, _fields)
