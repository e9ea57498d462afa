"""What to do next: one pure function of the database, the world and the policy's image.

Idempotent work (children, claims) is planned in every reconcile that finds it necessary. Disruptive work is
planned one action at a time, and only when nothing else is under way.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from controller.desired import manifests
from controller.observe.drift import drift, stamp
from controller.observe.ownership import foreign
from controller.observe.world import World
from controller.plan.actions import (
    Action,
    Apply,
    Discard,
    Disruption,
    Manifest,
    Rebuild,
    ReleaseLock,
    SetFinalizers,
    Switchover,
)
from controller.plan.identity import IDENTIFIER, identification, identifier
from controller.plan.instances.discard import discard, kept, way_out
from controller.plan.instances.failover import evacuation, primary_wakes, remedy
from controller.plan.instances.rebuild import rebuild
from controller.plan.instances.renewal import reloads
from controller.plan.instances.rollout import rollout
from controller.plan.instances.scaling import INSTANCES, Scale, declared_instances, scale
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.volumes import cannot_grow, full, growing, growth, missing_class
from schemas.types import PostgreSQLDatabase

FINALIZER = "keddah.dev/deletion"
ACCEPTED = "keddah.dev/accepted"
"""Annotation of the StatefulSet: the last accepted spec, which later changes are validated against."""

_DIGESTED = frozenset({"ConfigMap", "StatefulSet"})
"""Kinds whose change others must process before anything is disrupted: the StatefulSet controller then says
which pods are outdated, and Patroni which servers need a restart."""

_OWNERSHIP_RECHECK_SECONDS = 60.0
"""Seconds between two checks of an object of another owner: without our label it is not watched."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The declared side: the accepted database, and what the policy adds to it."""

    db: PostgreSQLDatabase
    image: str
    secrets: tuple[Manifest, ...]
    operator_namespace: str
    accepted: str
    """The accepted spec as JSON, kept on the StatefulSet."""
    version: str | None = None
    """The release that the image holds, according to the policy."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one reconcile does, and the state of the database meanwhile."""

    actions: tuple[Action, ...]
    outcome: Outcome


def plan(intent: Intent, world: World) -> Plan:
    """Compare declared and observed state; the first problem that a person must solve ends the plan."""
    # What comes below reads the StatefulSet as one of ours.
    theirs = world.statefulset and foreign(intent.db, world.statefulset)
    if theirs:
        return Plan((), Stalled("ChildOwnedByOther", theirs, after=_OWNERSHIP_RECHECK_SECONDS))
    scaled = scale(intent.db, declared_instances(intent.db), world)
    desired = children(intent, scaled, world)
    others = _foreign_children(intent.db, desired, world)
    if others:
        return Plan((), Stalled("ChildOwnedByOther", "; ".join(others), after=_OWNERSHIP_RECHECK_SECONDS))
    writes = [action for manifest in desired if (action := _write(stamp(manifest), world))]
    pods = [write for write in writes if write.manifest["kind"] == "StatefulSet"]
    name = intent.db.metadata.name
    idempotent = (
        *_finalizer(intent.db),
        *(write for write in writes if write not in pods),
        *identification(world, name),
        *pods,
        *growth(intent.db, world),
        *reloads(world, name),
        *(wakes := primary_wakes(world)),
    )
    remedies = remedy(world, name)
    if remedies:
        # Before anything else: while these are due, applications cannot write.
        story = "; ".join(f"{action}: {action.reason}" for action in remedies)
        # A planned switchover leaves a wrong label behind, too.
        lost = any(isinstance(action, ReleaseLock) for action in remedies)
        return Plan((*remedies, *idempotent), Waiting(2, "FailingOver" if lost else "SwitchingOver", story))
    if any(write.manifest["kind"] in _DIGESTED for write in writes):
        return Plan(idempotent, scaled.waiting or Waiting(5, "Reconciling", "child objects were written"))
    step = _next(intent, scaled, world)
    if isinstance(step, Done) and wakes:
        # For `loop_wait` seconds after a failover Patroni adds no synchronous standby: wake it again.
        return Plan(idempotent, Waiting(2, "StandbysCatchingUp", wakes[0].reason))
    if isinstance(step, Done | Waiting | Stalled):
        return Plan(idempotent, step)
    return Plan((*idempotent, step), Waiting(5, _doing(step), f"{step}: {step.reason}"))


def _doing(step: Disruption) -> str:
    match step:
        case Rebuild():
            return "RebuildingStandby"
        case Discard():
            return "DiscardingVolume"
        case Switchover():
            return "SwitchingOver"
        case _:
            return "RollingOut"


def _next(intent: Intent, scaled: Scale, world: World) -> Disruption | Outcome:
    """Return the one disruptive action of this reconcile, or the outcome when there is none."""
    return (
        _paused(world)
        or scaled.switchover
        or scaled.waiting
        or missing_class(intent.db, world)
        or _hibernated(scaled)
        or evacuation(world)
        or discard(world)
        or rebuild(world)
        # Whatever is restarted now may not come up.
        or full(intent.db, world)
        or _unexpected_version(intent, world)
        or rollout(world, scaled.instances)
        or cannot_grow(intent.db, world)
        or _mismatch(intent, world)
        or kept(world)
        or _arrival(intent.db, world, scaled.instances)
    )


def _paused(world: World) -> Waiting | None:
    if not world.leadership.paused:
        return None
    return Waiting(30, "Paused", "Patroni is paused: nothing is restarted or moved until `patronictl resume`")


def _foreign_children(db: PostgreSQLDatabase, desired: list[Manifest], world: World) -> list[str]:
    wanted = [(m["kind"], m["metadata"]["name"]) for m in desired]
    # Patroni creates its other ConfigMaps itself, and only those are among the children.
    made = [("ConfigMap", name) for name in world.children.get("ConfigMap", {})]
    live = (world.children.get(kind, {}).get(name) for kind, name in dict.fromkeys((*wanted, *made)))
    return [words for manifest in live if manifest and (words := foreign(db, manifest))]


def _finalizer(db: PostgreSQLDatabase) -> list[Action]:
    """Return the finalizer's change: only deletionPolicy Delete needs one."""
    wanted, present = db.spec.deletion_policy == "Delete", FINALIZER in db.metadata.finalizers
    if wanted == present:
        return []
    others = tuple(f for f in db.metadata.finalizers if f != FINALIZER)
    reason = f"deletionPolicy {db.spec.deletion_policy}"
    return [SetFinalizers((*others, FINALIZER) if wanted else others, reason)]


def children(intent: Intent, scaled: Scale, world: World) -> list[Manifest]:
    """Return every child object in the order of writing: credentials first, pods last."""
    desired = manifests(
        intent.db,
        intent.image,
        instances=scaled.instances,
        operator_namespace=intent.operator_namespace,
        claim_size=_claim_size(world),
        paused=world.leadership.paused,
    )
    return [
        _remember(manifest, intent, scaled, world) if manifest["kind"] == "StatefulSet" else manifest
        for manifest in (*intent.secrets, *desired)
    ]


def _claim_size(world: World) -> str | None:
    """Return the size in the StatefulSet's claim template, which is immutable."""
    if world.statefulset is None:
        return None
    template = world.statefulset["spec"]["volumeClaimTemplates"][0]
    return str(template["spec"]["resources"]["requests"]["storage"])


def _remember(statefulset: Manifest, intent: Intent, scaled: Scale, world: World) -> Manifest:
    metadata = statefulset["metadata"]
    notes = {INSTANCES: str(scaled.remembered), ACCEPTED: intent.accepted}
    if known := identifier(world):
        notes[IDENTIFIER] = known
    annotations = {**metadata.get("annotations", {}), **notes}
    return {**statefulset, "metadata": {**metadata, "annotations": annotations}}


def _write(manifest: Manifest, world: World) -> Apply | None:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    live = world.children.get(kind, {}).get(name)
    if live is None:
        return Apply(manifest, "missing", absent=True)
    changed = drift(manifest, live)
    return Apply(manifest, f"{changed} differs") if changed else None


def _unexpected_version(intent: Intent, world: World) -> Outcome | None:
    """Stop an image change at the first instance that reports another version than the policy says."""
    for name, reported in world.moved.items():
        if reported is None:
            return Waiting(2, "RollingOut", f"{name} has not reported its version yet")
        if intent.version not in (None, reported):
            claim = f"the policy says that {intent.image} holds {intent.version}"
            return Stalled("VersionMismatch", f"{claim}; {name} reports {reported}, so no other pod gets it")
    return None


def _mismatch(intent: Intent, world: World) -> Outcome | None:
    """Report an image that holds another release than the policy says."""
    reported = world.server_version
    if not reported or not intent.version or reported == intent.version:
        return None
    message = f"the policy says that {intent.image} holds {intent.version}; the server reports {reported}"
    return Stalled("VersionMismatch", message)


def _hibernated(scaled: Scale) -> Outcome | None:
    return Done("Hibernated", "No pods; the volumes are kept") if scaled.instances == 0 else None


def _arrival(db: PostgreSQLDatabase, world: World, expected: int) -> Outcome:
    """Return Done when all instances are fit, else what they still wait for."""
    troubled = [(i.name, i.trouble) for i in world.instances if i.trouble and not i.ready]
    for name, trouble in troubled:
        hint = way_out(name, trouble.message, world) if trouble.reason == "Unschedulable" else ""
        return Waiting(30, trouble.reason, f"{name}: {trouble.message}{hint}")
    if world.primary is None:
        reason = "Creating" if db.status.current_version is UNSET else "NoPrimary"
        return Waiting(30, reason, "no instance accepts writes yet")
    fit = sum(instance.fit for instance in world.instances)
    if fit == expected == len(world.instances):
        return growing(world) or Done()
    return Waiting(30, _shortfall(world, expected), f"{fit} of {expected} instances serve")


def _shortfall(world: World, expected: int) -> str:
    if len(world.instances) > expected:
        return "InstancesEnding"
    # A running server that is not fit does not stream yet; any other is still starting.
    behind = any(i.state == "running" and not i.fit and not i.deleting for i in world.instances)
    return "StandbysCatchingUp" if behind else "InstancesStarting"
