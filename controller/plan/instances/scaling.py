"""How many instances the StatefulSet may have now, on the way to the declared number."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from controller.observe.world import Manifest, World, ordinal
from controller.plan.actions import Switchover
from controller.plan.instances.rollout import candidate, handover
from controller.plan.outcome import Waiting
from schemas.types import PostgreSQLDatabase

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


def scale(db: PostgreSQLDatabase, declared: int, world: World) -> Scale:
    """Choose the StatefulSet's `replicas`.

    Scaling up is always possible. Scaling down removes the instances with the highest ordinals, so none of
    them may be the primary. Existing data (retained claims, hibernation) is started with all its
    instances, because only among all of them can Patroni tell which one has the newest data. While Patroni is
    paused, somebody works on the instances by hand, and none is removed.
    """
    remembered = max(declared, _before(world))
    current = _current(world)
    if world.leadership.paused and (db.spec.hibernated or declared < current):
        return Scale(current, max(current, _before(world)))
    if db.spec.hibernated:
        return _hibernate(current, remembered, world)
    if current == 0:
        return Scale(remembered if world.leadership.initialized else declared, remembered)
    newest = _newest(world)
    if newest > declared:
        last = world.leadership.last_primary
        message = f"{declared} instances: {last} was the last primary, and nobody has taken over from it"
        count = max(newest, current)
        return Scale(count, count, waiting=Waiting(5, "ScaleDownWaits", message))
    if declared >= current:
        return Scale(declared, declared)
    return _shrink(declared, current, world)


def _hibernate(current: int, remembered: int, world: World) -> Scale:
    """Stop every instance, unless that would lose a volume that is marked for deletion."""
    doomed = ", ".join(claim.name for claim in world.claims if claim.deleting)
    if current and doomed:
        message = f"{doomed}: marked for deletion and would be lost with its pod, so no pod is stopped"
        return Scale(current, max(current, remembered), waiting=Waiting(30, "ClaimDeleted", message))
    return Scale(0, remembered)


def _newest(world: World) -> int:
    """Return how many instances are needed to include the last primary, while there is no primary.

    After a failover to an instance that is being removed, the remaining ones may not be promoted: the volume
    of the last primary has to come back. 0 when there is no such volume.
    """
    last = ordinal(world.leadership.last_primary or "")
    there = any(claim.ordinal == last for claim in world.claims)
    return last + 1 if there and world.primary is None else 0


def _shrink(declared: int, current: int, world: World) -> Scale:
    if not world.leadership.initialized and not any(i.ready for i in world.instances):
        return Scale(declared, declared)
    primary = world.primary
    change = f"{current} -> {declared} instances"
    if primary is None or not primary.fit:
        # A dead primary may still hold the lock: the instances to be removed may be all that is left.
        waiting = Waiting(5, "ScaleDownWaits", f"{change}: there is no ready primary")
        return Scale(current, current, waiting=waiting)
    if primary.ordinal < declared:
        if declared > 1 and candidate(world, lambda instance: instance.ordinal < declared) is None:
            waiting = Waiting(5, "ScaleDownWaits", f"{change}: no remaining standby is fit to take over")
            return Scale(current, current, waiting=waiting)
        return Scale(declared, declared)
    reason = f"{primary.name} is removed by {change}"
    switch = handover(world, primary, lambda instance: instance.ordinal < declared, reason)
    if switch is None:
        message = f"{change}: {primary.name} is the primary, and no remaining standby is fit to take over"
        return Scale(current, current, waiting=Waiting(5, "ScaleDownWaits", message))
    return Scale(current, current, switchover=switch)


def _current(world: World) -> int:
    return int(world.statefulset["spec"]["replicas"]) if world.statefulset else 0


def _before(world: World) -> int:
    """Return the former number of instances: from the annotation, else from the remaining claims."""
    if world.statefulset is not None:
        return _annotated(world.statefulset)
    return max((claim.ordinal + 1 for claim in world.claims), default=0)


def _annotated(statefulset: Manifest) -> int:
    text = (statefulset["metadata"].get("annotations") or {}).get(INSTANCES, "")
    return int(text) if text.isdecimal() else 0
