"""How many instances the StatefulSet may have now, on the way to the declared number."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from controller.kube.objects import Manifest
from controller.observe.state import ObservedState, ordinal
from controller.plan.actions import Switchover
from controller.plan.instances.rollout import candidate, handover
from controller.plan.outcome import Waiting
from schemas.api.types import PostgreSQLDatabase

INSTANCES = "keddah.dev/instances"
"""Annotation of the StatefulSet: the number before hibernation, so that waking brings all of them back."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The number of instances for now, and what has to happen before the declared number."""

    instances: int
    remembered: int
    """The number that waking from hibernation restores; kept on the StatefulSet."""
    switchover: Switchover | None = None
    waiting: Waiting | None = None


def declared_instances(db: PostgreSQLDatabase) -> int:
    """Return how many instances the spec asks for while it is not hibernated."""
    return 1 if db.spec.replicas is UNSET else db.spec.replicas


def scale(db: PostgreSQLDatabase, declared: int, observed: ObservedState) -> Scale:
    """Choose the StatefulSet's `replicas`.

    Scaling up is always possible. Scaling down removes the instances with the highest ordinals, so none of
    them may be the primary. Existing data (retained claims, hibernation) is started with all its
    instances, because only among all of them can Patroni tell which one has the newest data. While Patroni is
    paused, somebody works on the instances by hand, and none is removed.
    """
    remembered = max(declared, _before(observed))
    current = _current(observed)
    if observed.leadership.paused and (db.spec.hibernated or declared < current):
        return Scale(current, max(current, _before(observed)))
    if db.spec.hibernated:
        return _hibernate(current, remembered, observed)
    if current == 0:
        return Scale(remembered if observed.leadership.initialized else declared, remembered)
    newest = _newest(observed)
    if newest > declared:
        last = observed.leadership.last_primary
        message = f"{declared} instances: {last} was the last primary, and nobody has taken over from it"
        count = max(newest, current)
        return Scale(count, count, waiting=Waiting(5, "ScaleDownWaits", message))
    if declared >= current:
        return Scale(declared, declared)
    return _shrink(declared, current, observed)


def _hibernate(current: int, remembered: int, observed: ObservedState) -> Scale:
    """Stop every instance, unless that would lose a volume that is marked for deletion."""
    doomed = ", ".join(claim.name for claim in observed.claims if claim.deleting)
    if current and doomed:
        message = f"{doomed}: marked for deletion and would be lost with its pod, so no pod is stopped"
        return Scale(current, max(current, remembered), waiting=Waiting(30, "ClaimDeleted", message))
    return Scale(0, remembered)


def _newest(observed: ObservedState) -> int:
    """Return how many instances are needed to include the last primary, while there is no primary.

    After a failover to an instance that is being removed, the remaining ones may not be promoted: the volume
    of the last primary has to come back. 0 when there is no such volume.
    """
    last = ordinal(observed.leadership.last_primary or "")
    there = any(claim.ordinal == last for claim in observed.claims)
    return last + 1 if there and observed.primary is None else 0


def _shrink(declared: int, current: int, observed: ObservedState) -> Scale:
    if not observed.leadership.initialized and not any(i.ready for i in observed.instances):
        return Scale(declared, declared)
    primary = observed.primary
    change = f"{current} -> {declared} instances"
    if primary is None or not primary.fit:
        # A dead primary may still hold the lock: the instances to be removed may be all that is left.
        waiting = Waiting(5, "ScaleDownWaits", f"{change}: there is no ready primary")
        return Scale(current, current, waiting=waiting)
    if primary.ordinal < declared:
        if declared > 1 and candidate(observed, lambda instance: instance.ordinal < declared) is None:
            waiting = Waiting(5, "ScaleDownWaits", f"{change}: no remaining standby is fit to take over")
            return Scale(current, current, waiting=waiting)
        return Scale(declared, declared)
    reason = f"{primary.name} is removed by {change}"
    switch = handover(observed, primary, lambda instance: instance.ordinal < declared, reason)
    if switch is None:
        message = f"{change}: {primary.name} is the primary, and no remaining standby is fit to take over"
        return Scale(current, current, waiting=Waiting(5, "ScaleDownWaits", message))
    return Scale(current, current, switchover=switch)


def _current(observed: ObservedState) -> int:
    return int(observed.statefulset["spec"]["replicas"]) if observed.statefulset else 0


def _before(observed: ObservedState) -> int:
    """Return the former number of instances: from the annotation, else from the remaining claims."""
    if observed.statefulset is not None:
        return _annotated(observed.statefulset)
    return max((claim.ordinal + 1 for claim in observed.claims), default=0)


def _annotated(statefulset: Manifest) -> int:
    text = (statefulset["metadata"].get("annotations") or {}).get(INSTANCES, "")
    return int(text) if text.isdecimal() else 0
