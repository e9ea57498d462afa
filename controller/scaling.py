"""How many instances the StatefulSet may have right now: the declared number, reached without surprise."""

from __future__ import annotations

from dataclasses import dataclass

from controller.actions import Switchover
from controller.outcome import Waiting
from controller.rollout import handover
from controller.world import Manifest, World
from schemas.types import PostgreSQLDatabase

INSTANCES = "keddah.dev/instances"
"""Annotation of the StatefulSet: the number before hibernation, so that waking brings all of them back."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the StatefulSet is given now, and what stands between that and the declared number."""

    instances: int
    remembered: int
    """Kept on the StatefulSet while it has none."""
    switchover: Switchover | None = None
    waiting: Waiting | None = None


def scale(db: PostgreSQLDatabase, declared: int, world: World) -> Scale:
    """Choose the StatefulSet's `replicas`.

    Growing is free. Shrinking takes the instances with the highest ordinals, so the primary must have left
    them first. Data that was there before (retained claims, hibernation) comes back with all its instances,
    because only among all of them can Patroni tell which one has the newest data.
    """
    remembered = max(declared, _before(world))
    if db.spec.hibernated:
        return Scale(0, remembered)
    current = _current(world)
    if current == 0:
        return Scale(remembered if world.leadership.initialized else declared, remembered)
    if declared >= current:
        return Scale(declared, declared)
    return _shrink(declared, current, world)


def _shrink(declared: int, current: int, world: World) -> Scale:
    if not world.leadership.initialized and not any(i.ready for i in world.instances):
        return Scale(declared, declared)
    primary = world.primary
    if primary is None:
        waiting = Waiting(5, "ScaleDownWaits", f"{current} -> {declared} instances: no primary is known")
        return Scale(current, current, waiting=waiting)
    if primary.ordinal < declared:
        return Scale(declared, declared)
    reason = f"{primary.name} is removed by {current} -> {declared} instances"
    switch = handover(world, primary, lambda instance: instance.ordinal < declared, reason)
    if switch is None:
        message = f"{current} -> {declared} instances: {primary.name} is primary, and none that stays is fit"
        return Scale(current, current, waiting=Waiting(5, "ScaleDownWaits", message))
    return Scale(current, current, switchover=switch)


def _current(world: World) -> int:
    return int(world.statefulset["spec"]["replicas"]) if world.statefulset else 0


def _before(world: World) -> int:
    """Return how many instances there were before: by annotation, else by the claims that are left."""
    if world.statefulset is not None:
        return _annotated(world.statefulset)
    return max((claim.ordinal + 1 for claim in world.claims), default=0)


def _annotated(statefulset: Manifest) -> int:
    text = (statefulset["metadata"].get("annotations") or {}).get(INSTANCES, "")
    return int(text) if text.isdecimal() else 0
