"""Finalization of a deleted database, as its deletionPolicy says."""

from __future__ import annotations

import msgspec

from controller.kube.objects import Manifest
from controller.observe.ownership import foreign, owned
from controller.observe.state import ObservedState
from controller.plan.actions import Delete, SetFinalizers
from controller.plan.ending import Ending
from controller.plan.instances.arrival import ending
from controller.plan.last_backup import kept, last_backup
from controller.plan.outcome import Done, Outcome, Waiting
from controller.plan.planner import FINALIZER
from schemas.api.types import PostgreSQLDatabase, decode

_ORPHANS, _FOREGROUND = "orphan", "foregroundDeletion"
"""Finalizers of Kubernetes' garbage collector: `kubectl delete --cascade=orphan` and `=foreground`."""


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


def finalize(db: PostgreSQLDatabase, observed: ObservedState) -> Ending:
    """Delete what deletionPolicy Delete promises: pods first, then data, then the finalizer.

    Every deletion carries the UID and the version that were seen: the garbage collector may be releasing the
    child at this moment. Only children that are the database's are touched.
    `--cascade=orphan` keeps all of it, whatever the policy says.
    """
    others = tuple(f for f in db.metadata.finalizers if f != FINALIZER)
    if len(others) == len(db.metadata.finalizers):
        return Ending((), _held(others, observed))
    if _ORPHANS in others or _orphaned(db, observed):
        return _released(others, "the deletion leaves all children behind (cascade=orphan)", observed)
    if db.spec.deletion_policy != "Delete":
        return _released(others, "deletionPolicy Retain", observed)
    if (plan := last_backup(db, observed)) is not None:
        return plan
    if running := _running(db, observed):
        return Ending(tuple(map(_delete, running)), Waiting(2, "Deleting", _stopping(running, observed)))
    if observed.instances:
        # Their deletion triggers the next reconcile; on a dead node that may never happen.
        return Ending((), Waiting(30, "Deleting", ending(observed.instances, observed)))
    data = [
        manifest
        for kind in ("PersistentVolumeClaim", "ConfigMap", "Secret")
        for manifest in observed.children.get(kind, {}).values()
        if foreign(db, manifest) is None and not kept(db, observed, manifest)
    ]
    if data:
        deletions = tuple(_delete(each) for each in data if "deletionTimestamp" not in each["metadata"])
        left = ", ".join(f"{each['kind']} {each['metadata']['name']}" for each in data)
        held = "" if deletions else _users(data, observed)
        told = f"still to be deleted: {left}{held}"
        return Ending(deletions, Waiting(2 if deletions else 10, "Deleting", told))
    return _released(others, "everything is deleted", observed)


def _running(db: PostgreSQLDatabase, observed: ObservedState) -> list[Manifest]:
    """Return what starts pods, or keeps them: of a Job that has ended, they hold the repository's claim.

    What a CronJob has made goes with it. The repository's volume is data, too, and stays as long as its
    server runs.
    """
    servers = [each for each in observed.children.get("StatefulSet", {}).values() if not foreign(db, each)]
    jobs = [each for kind in ("CronJob", "Job") for each in observed.children.get(kind, {}).values()]
    ours = [each for each in jobs if "deletionTimestamp" not in each["metadata"] and owned(db, each)]
    return servers + ours


def _stopping(running: list[Manifest], observed: ObservedState) -> str:
    if observed.statefulset in running:
        return "the instances are being stopped"
    servers = any(each["kind"] == "StatefulSet" for each in running)
    return "the repository is being stopped" if servers else "the Jobs of the backups are being deleted"


def _users(data: list[Manifest], observed: ObservedState) -> str:
    """Name the pods that may use the claims: Kubernetes keeps those until the pods are gone, ended or not."""
    claims = [each["metadata"] for each in data if each["kind"] == "PersistentVolumeClaim"]
    if not claims:
        return ""
    if pods := ", ".join(sorted(observed.children.get("Pod", {}))):
        return f"; claims wait for the pods that use them, of which there are still: {pods}"
    first = claims[0]
    words = f"kubectl describe pvc {first['name']} -n {first['namespace']}"
    return f"; a claim waits for the pods that use it, and none of them is keddah's: {words} names them"


def _released(others: tuple[str, ...], reason: str, observed: ObservedState) -> Ending:
    """Remove keddah's finalizer; without any other the object is gone at that moment."""
    return Ending((SetFinalizers(others, reason),), _held(others, observed))


def _held(finalizers: tuple[str, ...], observed: ObservedState) -> Outcome:
    """Say what keeps an object that keddah has let go."""
    if not finalizers:
        return Done("Deleted", "nothing holds the object any more")
    if _FOREGROUND in finalizers and observed.instances:
        return Waiting(30, "Deleting", ending(observed.instances, observed))
    if _FOREGROUND in finalizers:
        return Waiting(30, "Deleting", "Kubernetes deletes what the object owns before the object")
    return Waiting(30, "Deleting", f"finalizers of others hold the object: {', '.join(finalizers)}")


def _orphaned(db: PostgreSQLDatabase, observed: ObservedState) -> bool:
    """Whether the garbage collector has already released the instances from the database's ownership.

    It removes its finalizer after that, so that the finalizer may not be there any more to tell.
    """
    running = observed.statefulset
    return running is not None and foreign(db, running) is None and not owned(db, running)


def _delete(manifest: Manifest) -> Delete:
    metadata = manifest["metadata"]
    kind, name, namespace = manifest["kind"], metadata["name"], metadata["namespace"]
    version = metadata["resourceVersion"]
    return Delete(kind, name, metadata["uid"], version, "deletionPolicy Delete", namespace)
