"""What to do next: one pure function of the database, the world and the policy's image.

Idempotent work (children, claims) is asked for in every pass where it is due; of disruptive work at most
one piece, and only when nothing else is on its way.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from controller.actions import Action, Apply, Delete, GrowClaim, Manifest, SetFinalizers
from controller.desired import manifests
from controller.drift import drift, stamp
from controller.outcome import Done, Outcome, Stalled, Waiting
from controller.ownership import stranger
from controller.rollout import rollout
from controller.scaling import INSTANCES, Scale, scale
from controller.world import World
from schemas.quantity import parse
from schemas.types import PostgreSQLDatabase

FINALIZER = "keddah.dev/deletion"
ACCEPTED = "keddah.dev/accepted"
"""Annotation of the StatefulSet: the spec that was last judged good, which the ratchet compares with."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The declared side: the judged database and what the policy makes of it."""

    db: PostgreSQLDatabase
    image: str
    secrets: tuple[Manifest, ...]
    operator_namespace: str
    accepted: str
    """The judged spec as JSON, kept on the StatefulSet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass does, and how the database stands meanwhile."""

    actions: tuple[Action, ...]
    outcome: Outcome


def plan(intent: Intent, world: World) -> Plan:
    """Compare the declared with the observed; the first thing that somebody must decide wins."""
    # What comes below reads the StatefulSet as one of ours.
    foreign = world.statefulset and _foreign(intent.db, world.statefulset)
    if foreign:
        return Plan((), Stalled("ChildOwnedByOther", foreign))
    scaled = scale(intent.db, _instances(intent.db), world)
    desired = children(intent, scaled, world)
    strangers = _strangers(intent.db, desired, world)
    if strangers:
        return Plan((), Stalled("ChildOwnedByOther", "; ".join(strangers)))
    writes = [action for manifest in desired if (action := _write(stamp(manifest), world))]
    idempotent = [*_finalizer(intent.db), *writes, *_claims(intent.db, world)]
    if any(isinstance(action, Apply) and action.manifest["kind"] == "StatefulSet" for action in idempotent):
        # The StatefulSet controller has to see this first; its answer wakes the next pass.
        return Plan(tuple(idempotent), scaled.waiting or Waiting(5, "Reconciling", "children were written"))
    if scaled.switchover:
        waiting = Waiting(5, "SwitchingOver", scaled.switchover.reason)
        return Plan((*idempotent, scaled.switchover), waiting)
    outcome = scaled.waiting or _blockers(intent.db, world) or _hibernated(scaled)
    if outcome:
        return Plan(tuple(idempotent), outcome)
    step = rollout(world, scaled.instances)
    if isinstance(step, Waiting):
        return Plan(tuple(idempotent), step)
    if step is not None:
        return Plan((*idempotent, step), Waiting(5, "RollingOut", f"{step}: {step.reason}"))
    return Plan(tuple(idempotent), _arrival(world, scaled.instances))


def _instances(db: PostgreSQLDatabase) -> int:
    return 1 if db.spec.replicas is UNSET else db.spec.replicas


def _strangers(db: PostgreSQLDatabase, desired: list[Manifest], world: World) -> list[str]:
    live = (world.children.get(m["kind"], {}).get(m["metadata"]["name"]) for m in desired)
    return [words for manifest in live if manifest and (words := _foreign(db, manifest))]


def _foreign(db: PostgreSQLDatabase, live: Manifest) -> str | None:
    """Say whose a child is if it is not the database's; None if it is."""
    owner = stranger(live, db.metadata.name, db.metadata.uid)
    name = live["metadata"]["name"]
    return f"{live['kind']} {name} belongs to {owner}; rename or remove it" if owner else None


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
    )
    return [
        _remember(manifest, intent, scaled) if manifest["kind"] == "StatefulSet" else manifest
        for manifest in (*intent.secrets, *desired)
    ]


def _claim_size(world: World) -> str | None:
    """Return the size in the StatefulSet's claim template, which no StatefulSet can change."""
    if world.statefulset is None:
        return None
    template = world.statefulset["spec"]["volumeClaimTemplates"][0]
    return str(template["spec"]["resources"]["requests"]["storage"])


def _remember(statefulset: Manifest, intent: Intent, scaled: Scale) -> Manifest:
    metadata = statefulset["metadata"]
    notes = {INSTANCES: str(scaled.remembered), ACCEPTED: intent.accepted}
    annotations = {**metadata.get("annotations", {}), **notes}
    return {**statefulset, "metadata": {**metadata, "annotations": annotations}}


def _write(manifest: Manifest, world: World) -> Apply | None:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    live = world.children.get(kind, {}).get(name)
    if live is None:
        return Apply(manifest, "missing")
    changed = drift(manifest, live)
    return Apply(manifest, f"{changed} differs") if changed else None


def _claims(db: PostgreSQLDatabase, world: World) -> list[Action]:
    size = db.spec.storage.size
    if size is UNSET:
        return []
    return [
        GrowClaim(claim.name, size, f"storage.size {claim.requested} -> {size}")
        for claim in world.claims
        if claim.bound and parse(claim.requested) < parse(size)
    ]


def _blockers(db: PostgreSQLDatabase, world: World) -> Outcome | None:
    """Name what keeps volumes from being made; the class's arrival wakes this database again."""
    pending = [claim for claim in world.claims if not claim.bound]
    if not pending:
        return None
    wanted = db.spec.storage.storage_class_name
    if wanted is not UNSET and wanted and wanted not in world.storage_classes:
        known = ", ".join(sorted(world.storage_classes)) or "none"
        return Stalled("StorageClassNotFound", f"StorageClass {wanted} does not exist; there are: {known}")
    if wanted is UNSET and all(claim.storage_class is None for claim in pending):
        message = "storage.storageClassName is not set, and no StorageClass is the default"
        return Stalled("NoDefaultStorageClass", message)
    return None


def _hibernated(scaled: Scale) -> Outcome | None:
    return Done("Hibernated", "No pods; the volumes are kept") if scaled.instances == 0 else None


def _arrival(world: World, expected: int) -> Outcome:
    """Tell how far the instances are from all of them serving."""
    troubled = [(i.name, i.trouble) for i in world.instances if i.trouble and not i.ready]
    for name, trouble in troubled:
        return Waiting(30, trouble.reason, f"{name}: {trouble.message}")
    if world.primary is None:
        reason = "NoPrimary" if world.leadership.initialized else "Creating"
        return Waiting(30, reason, "no instance accepts writes yet")
    fit = sum(instance.fit for instance in world.instances)
    if fit == expected == len(world.instances):
        return Done()
    return Waiting(30, _shortfall(world, expected), f"{fit} of {expected} instances serve")


def _shortfall(world: World, expected: int) -> str:
    if len(world.instances) > expected:
        return "InstancesEnding"
    # A server that runs and is not fit does not follow; any other is on its way.
    stuck = any(i.state == "running" and not i.fit and not i.deleting for i in world.instances)
    return "Degraded" if stuck else "InstancesStarting"


def farewell(db: PostgreSQLDatabase, world: World) -> Plan:
    """Delete what deletionPolicy Delete promises: pods first, then data, then the finalizer.

    Every deletion carries the UID that was seen, and only children that are the database's are touched.
    """
    if FINALIZER not in db.metadata.finalizers:
        return Plan((), Done("Deleted", "The object is going; what it owns goes with it"))
    others = tuple(f for f in db.metadata.finalizers if f != FINALIZER)
    if db.spec.deletion_policy != "Delete":
        return Plan(
            (SetFinalizers(others, "deletionPolicy Retain"),), Done("Deleted", "The data is retained")
        )
    running = world.statefulset
    if running is not None and not _foreign(db, running):
        return Plan((_delete(running),), Waiting(2, "Deleting", "the instances are being ended"))
    if world.instances:
        return Plan((), Waiting(2, "Deleting", "the instances are ending"))
    kinds = ("PersistentVolumeClaim", "ConfigMap", "Secret")
    data = [
        _delete(manifest)
        for kind in kinds
        for manifest in world.children.get(kind, {}).values()
        if stranger(manifest, db.metadata.name, db.metadata.uid) is None
        and "deletionTimestamp" not in manifest["metadata"]
    ]
    remaining = any(world.children.get(kind) for kind in kinds)
    if remaining:
        return Plan(tuple(data), Waiting(2, "Deleting", "volumes and credentials are being deleted"))
    return Plan((SetFinalizers(others, "everything is deleted"),), Done("Deleted", "Everything is deleted"))


def _delete(manifest: Manifest) -> Delete:
    metadata = manifest["metadata"]
    return Delete(manifest["kind"], metadata["name"], metadata["uid"], "deletionPolicy Delete")
