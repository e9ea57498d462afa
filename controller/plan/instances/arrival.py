"""What is said of the instances when nothing is left to be done about them: what they wait for, or lack."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from msgspec import UNSET

from controller.observe.instances.instance import Instance
from controller.observe.state import ObservedState
from controller.plan.actions import TriggerLoop
from controller.plan.instances.discard import way_out
from controller.plan.instances.rebuild import told_of_copies
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.volumes import growing
from schemas.api.fields import ResourceRequirements
from schemas.api.types import PostgreSQLDatabase

_REPEATED = 2
"""One kill may have been an exceptional query's."""
_CLAIM_UNSEEN: Final = 'persistentvolumeclaim "{}" not found'
_SOON: Final = timedelta(seconds=30)
"""A lock that nobody renews is free after 20 s, and standbys look every 5: then one of them is primary."""


def hibernated(instances: int, observed: ObservedState) -> Outcome | None:
    """Return Done when there are to be no instances, and the last one has gone."""
    if instances:
        return None
    if observed.instances:
        return Waiting(30, "Hibernating", ending(observed.instances, observed))
    return Done("Hibernated", "No pods; the volumes are kept")


def ending(instances: Collection[Instance], observed: ObservedState) -> str:
    """Name the pods that are waited for, and the nodes that report no end of theirs."""
    message = f"waiting for {', '.join(i.name for i in instances)} to stop"
    lost = sorted({i.node for i in instances if observed.lost(i.node)})
    if not lost:
        return message
    return (
        f"{message}; not Ready: {', '.join(lost)}. Kubernetes keeps their pods until the node is back or is"
        " deleted (kubectl delete node)"
    )


def arrival(db: PostgreSQLDatabase, observed: ObservedState, expected: int) -> Outcome | None:
    """Return what the instances wait for; None when all are fit, and no volume grows."""
    troubled = [(i.name, i.trouble) for i in observed.instances if i.trouble and (i.beside or not i.ready)]
    for name, trouble in troubled:
        if any(_CLAIM_UNSEEN.format(claim.name) in trouble.message for claim in observed.claims):
            continue  # A pod and its claim are made together, and the scheduler saw the pod first.
        hint = way_out(name, trouble.message, observed) if trouble.reason == "Unschedulable" else ""
        return Waiting(30, trouble.reason, f"{name}: {trouble.message}{hint}")
    if observed.known_primary is None:
        return _leaderless(db, observed, expected)
    fit = sum(instance.fit for instance in observed.instances)
    serving = f"{fit} of {expected} instances serve"
    if fit == expected == len(observed.instances):
        return growing(db, observed)
    if len(observed.instances) > expected:
        surplus = [instance for instance in observed.instances if instance.ordinal >= expected]
        return Waiting(30, "InstancesEnding", f"{serving}; {ending(surplus or observed.instances, observed)}")
    return Waiting(30, _shortfall(observed), f"{serving}{told_of_copies(observed)}")


def joining(triggers: list[TriggerLoop]) -> Waiting | None:
    """Wait for standbys that are not synchronous yet: for `loop_wait` after a failover Patroni adds none."""
    return Waiting(2, "StandbysCatchingUp", triggers[0].reason) if triggers else None


def too_little(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | None:
    """Name the instances whose processes were killed repeatedly, within an hour, for lack of memory.

    Only a person can give them more.
    """
    often = {i.name: observed.kills.get(i.uid, 0) for i in observed.instances}
    listed = [f"{name} ({count} times)" for name, count in often.items() if count >= _REPEATED]
    if not listed:
        return None
    message = f"killed for lack of memory within an hour: {', '.join(listed)}; {_advice(db)}"
    return Stalled("KilledForMemory", message)


def _leaderless(db: PostgreSQLDatabase, observed: ObservedState, expected: int) -> Waiting:
    """Say that there is no primary: as a trouble only if it lasts, since a failover has events of its own."""
    if db.status.current_version is UNSET:
        return Waiting(30, "Creating", _without_primary(observed, "no instance accepts writes yet"))
    words = _without_primary(observed, "no instance accepts writes")
    if left := _left(observed.leadership.renewed, observed.seen):
        return Waiting(left, "FailingOver" if expected > 1 else "PrimaryRestarting", words)
    if left := _left(_first_start(observed), observed.seen):
        return Waiting(left, "InstancesStarting", words)
    return Waiting(30, "NoPrimary", words)


def _left(since: datetime | None, now: datetime | None) -> float:
    """Return for how many seconds it is still soon after a moment; 0 if it is not, or nobody knows."""
    if since is None or now is None:
        return 0
    return max((since + _SOON - now).total_seconds(), 0)


def _first_start(observed: ObservedState) -> datetime | None:
    """Return since when an instance runs; where none ever ran, that is still to come."""
    if not any(instance.running_since or instance.last_end for instance in observed.instances):
        return observed.seen
    return min((i.running_since for i in observed.instances if i.running_since), default=None)


def _without_primary(observed: ObservedState, otherwise: str) -> str:
    lost = observed.primary
    if lost is None:
        return otherwise
    return f"the node of the primary, {lost.node}, is not Ready, and no other instance was promoted"


def _shortfall(observed: ObservedState) -> str:
    # A running server that is not fit does not stream yet; any other is still starting.
    behind = any(i.state == "running" and not i.fit and not i.deleting for i in observed.instances)
    return "StandbysCatchingUp" if behind else "InstancesStarting"


def _advice(db: PostgreSQLDatabase) -> str:
    resources = db.spec.resources
    limits = (resources.limits or {}) if isinstance(resources, ResourceRequirements) else {}
    if "memory" in limits:
        limit = f"increase spec.resources.limits.memory ({limits['memory']})"
    else:
        limit = "increase spec.resources.requests.memory, its node has too little"
    return f"{limit}, or lower work_mem, shared_buffers or max_connections"
