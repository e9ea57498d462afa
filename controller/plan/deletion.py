"""Finalization of a deleted database, as its deletionPolicy says."""

from __future__ import annotations

import msgspec

from controller.observe.ownership import foreign
from controller.observe.world import World
from controller.plan.actions import Delete, Manifest, SetFinalizers
from controller.plan.outcome import Done, Waiting
from controller.plan.planner import FINALIZER, Plan
from schemas.types import PostgreSQLDatabase, decode


def decode_deleted(manifest: Manifest) -> PostgreSQLDatabase:
    """Decode a deleted object; a spec that this release cannot read must not block its deletion forever.

    Data is deleted only if deletionPolicy is literally Delete.
    """
    try:
        return decode(manifest)
    except msgspec.ValidationError:
        spec = manifest.get("spec")
        delete_data = isinstance(spec, dict) and spec.get("deletionPolicy") == "Delete"
        return decode(
            {"metadata": manifest["metadata"], "spec": {"deletionPolicy": "Delete"} if delete_data else {}}
        )


def finalize(db: PostgreSQLDatabase, world: World) -> Plan:
    """Delete what deletionPolicy Delete promises: pods first, then data, then the finalizer.

    Every deletion carries the UID that was seen, and only children that are the database's are touched.
    """
    if FINALIZER not in db.metadata.finalizers:
        return Plan((), Done("Deleted", "The object is being deleted; Kubernetes deletes what it owns"))
    others = tuple(f for f in db.metadata.finalizers if f != FINALIZER)
    if db.spec.deletion_policy != "Delete":
        return Plan(
            (SetFinalizers(others, "deletionPolicy Retain"),), Done("Deleted", "The data is retained")
        )
    running = world.statefulset
    if running is not None and not foreign(db, running):
        return Plan((_delete(running),), Waiting(2, "Deleting", "the instances are being stopped"))
    if world.instances:
        # Their deletion triggers the next reconcile; on a dead node that may never happen.
        return Plan((), Waiting(30, "Deleting", "waiting for the instances to stop"))
    data = [
        manifest
        for kind in ("PersistentVolumeClaim", "ConfigMap", "Secret")
        for manifest in world.children.get(kind, {}).values()
        if foreign(db, manifest) is None
    ]
    if data:
        deletions = tuple(_delete(each) for each in data if "deletionTimestamp" not in each["metadata"])
        return Plan(
            deletions,
            Waiting(2 if deletions else 10, "Deleting", "volumes and credentials are being deleted"),
        )
    return Plan((SetFinalizers(others, "everything is deleted"),), Done("Deleted", "Everything is deleted"))


def _delete(manifest: Manifest) -> Delete:
    metadata = manifest["metadata"]
    return Delete(manifest["kind"], metadata["name"], metadata["uid"], "deletionPolicy Delete")
