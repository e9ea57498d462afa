"""What to do next: one pure function of the database, the world and the policy's image.

Idempotent work (children, claims) is asked for in every pass where it is due; of disruptive work at most
one piece, and only when nothing else is on its way.
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
from controller.plan.instances.failover import evacuation, remedy, wakings
from controller.plan.instances.rebuild import rebuild
from controller.plan.instances.renewal import reloads
from controller.plan.instances.rollout import rollout
from controller.plan.instances.scaling import INSTANCES, Scale, declared_instances, scale
from controller.plan.instances.withdrawn import digested, digesting
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.volumes import cannot_grow, growing, growth, missing_class
from schemas.types import PostgreSQLDatabase

FINALIZER = "keddah.dev/deletion"
ACCEPTED = "keddah.dev/accepted"
"""Annotation of the StatefulSet: the spec that was last judged good, which the ratchet compares with."""

_DIGESTED = frozenset({"ConfigMap", "StatefulSet"})
"""What others must see before anything is disturbed: the StatefulSet controller says which pods are old then,
and Patroni which servers must restart."""

_STRANGERS_LEAVE = 60.0
"""Seconds between two looks at what belongs to somebody else: without our label it is not watched."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The declared side: the judged database and what the policy makes of it."""

    db: PostgreSQLDatabase
    image: str
    secrets: tuple[Manifest, ...]
    operator_namespace: str
    accepted: str
    """The judged spec as JSON, kept on the StatefulSet."""
    version: str | None = None
    """The release that the policy says is in the image."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass does, and how the database stands meanwhile."""

    actions: tuple[Action, ...]
    outcome: Outcome


def plan(intent: Intent, world: World) -> Plan:
    """Compare the declared with the observed; the first thing that somebody must decide wins."""
    # What comes below reads the StatefulSet as one of ours.
    theirs = world.statefulset and foreign(intent.db, world.statefulset)
    if theirs:
        return Plan((), Stalled("ChildOwnedByOther", theirs, after=_STRANGERS_LEAVE))
    scaled = scale(intent.db, declared_instances(intent.db), world)
    desired = children(intent, scaled, world)
    strangers = _strangers(intent.db, desired, world)
    if strangers:
        return Plan((), Stalled("ChildOwnedByOther", "; ".join(strangers), after=_STRANGERS_LEAVE))
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
        *(wakes := wakings(world)),
    )
    remedies = remedy(world, name)
    if remedies:
        # Before anything else: what stands here keeps applications from writing.
        story = "; ".join(f"{action}: {action.reason}" for action in remedies)
        # A label is left behind by those who hand over in good order, too.
        lost = any(isinstance(action, ReleaseLock) for action in remedies)
        return Plan((*remedies, *idempotent), Waiting(2, "FailingOver" if lost else "SwitchingOver", story))
    if any(write.manifest["kind"] in _DIGESTED for write in writes):
        return Plan(idempotent, scaled.waiting or Waiting(5, "Reconciling", "child objects were written"))
    step = _next(intent, scaled, world)
    if isinstance(step, Done) and wakes:
        # For `loop_wait` seconds after a failover Patroni counts on nobody new, and is to be woken again.
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
    """Return the one disruptive step of this pass, or how the database stands when there is none."""
    return (
        _paused(world)
        or scaled.switchover
        or scaled.waiting
        or missing_class(intent.db, world)
        or _hibernated(scaled)
        or evacuation(world)
        or discard(world)
        or rebuild(world)
        or _impostor(intent, world)
        or rollout(digested(intent.db, world), scaled.instances)
        or digesting(intent.db, world)
        or cannot_grow(intent.db, world)
        or _mismatch(intent, world)
        or kept(world)
        or _arrival(intent.db, world, scaled.instances)
    )


def _paused(world: World) -> Waiting | None:
    if not world.leadership.paused:
        return None
    return Waiting(30, "Paused", "Patroni is paused: nothing is restarted or moved until `patronictl resume`")


def _strangers(db: PostgreSQLDatabase, desired: list[Manifest], world: World) -> list[str]:
    wanted = [(m["kind"], m["metadata"]["name"]) for m in desired]
    # Patroni makes the others of its ConfigMaps itself, and nothing but those is among the children.
    made = [("ConfigMap", name) for name in world.children.get("ConfigMap", {})]
    live = (world.children.get(kind, {}).get(name) for kind, name in dict.fromkeys((*wanted, *made)))
    return [words for manifest in live if manifest and (words := foreign(db, manifest))]


def _finalizer(db: PostgreSQLDatabase) -> list[Action]:
    """Only a database whose data goes with it needs to be asked before it goes."""
    wanted, present = db.spec.deletion_policy == "Delete", FINALIZER in db.metadata.finalizers
    if wanted == present:
        return []
    others = tuple(f for f in db.metadata.finalizers if f != FINALIZER)
    reason = f"deletionPolicy {db.spec.deletion_policy}"
    return [SetFinalizers((*others, FINALIZER) if wanted else others, reason)]


def children(intent: Intent, scaled: Scale, world: World) -> list[Manifest]:
    """Return every child in the order in which they are written: credentials first, pods last."""
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
    """Return the size in the StatefulSet's claim template, which no StatefulSet can change."""
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


def _impostor(intent: Intent, world: World) -> Outcome | None:
    """Stop a change of image at the first instance that shows what is really in it."""
    for name, told in world.moved.items():
        if told is None:
            return Waiting(2, "RollingOut", f"{name} has not reported its version yet")
        if intent.version not in (None, told):
            claim = f"the policy says that {intent.image} holds {intent.version}"
            return Stalled("VersionMismatch", f"{claim}; {name} reports {told}, so no other pod gets it")
    return None


def _mismatch(intent: Intent, world: World) -> Outcome | None:
    """Name an image that holds another release than the policy says: status tells what the server says."""
    reported = world.server_version
    if not reported or not intent.version or reported == intent.version:
        return None
    message = f"the policy says that {intent.image} holds {intent.version}; the server reports {reported}"
    return Stalled("VersionMismatch", message)


def _hibernated(scaled: Scale) -> Outcome | None:
    return Done("Hibernated", "No pods; the volumes are kept") if scaled.instances == 0 else None


def _arrival(db: PostgreSQLDatabase, world: World, expected: int) -> Outcome:
    """Tell how far the instances are from all of them serving."""
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
    # A server that runs and is not fit does not follow yet; any other is on its way.
    behind = any(i.state == "running" and not i.fit and not i.deleting for i in world.instances)
    return "StandbysCatchingUp" if behind else "InstancesStarting"
