"""The volumes: which claims to expand, and why one cannot be expanded or bound."""

from __future__ import annotations

from msgspec import UNSET

from controller.observe.world import Claim, World
from controller.plan.actions import GrowClaim
from controller.plan.outcome import Stalled, Waiting
from schemas.quantity import parse
from schemas.types import PostgreSQLDatabase

_INFEASIBLE = "Infeasible"
"""Suffix of the states in which the driver gave up (Kubernetes API, ClaimResourceStatus)."""


def growth(db: PostgreSQLDatabase, world: World) -> list[GrowClaim]:
    """Return the claims to expand; possible at any time, even with a full disk or a stopped server."""
    size = db.spec.storage.size
    return [
        GrowClaim(claim.name, str(size), f"storage.size {claim.requested} -> {size}")
        for claim in _small(db, world)
        if _growable(claim, world)
    ]


def cannot_grow(db: PostgreSQLDatabase, world: World) -> Stalled | None:
    """Report claims whose StorageClass does not allow expansion, or whose driver gave up on it."""
    failed = [claim for claim in world.claims if claim.resize.endswith(_INFEASIBLE)]
    if failed:
        listed = ", ".join(f"{claim.name} ({claim.capacity} of {claim.requested})" for claim in failed)
        return Stalled(
            "VolumeCannotGrow",
            f"the storage refused to grow volumes, see the claims' events: {listed}",
        )
    stuck = [claim for claim in _small(db, world) if not _growable(claim, world)]
    if not stuck:
        return None
    names = ", ".join(f"{claim.name} ({claim.requested})" for claim in stuck)
    classes = ", ".join(sorted({claim.storage_class or "none" for claim in stuck}))
    message = f"StorageClass {classes} does not allow volumes to grow to {db.spec.storage.size}: {names}"
    return Stalled("VolumeCannotGrow", message)


def growing(world: World) -> Waiting | None:
    """Report volumes that are smaller than their claims request."""
    under_way = [
        claim for claim in world.claims if claim.capacity and _short(claim.capacity, claim.requested)
    ]
    if not under_way:
        return None
    steps = ", ".join(
        f"{claim.name} {claim.capacity} -> {claim.requested} {claim.resize}".rstrip() for claim in under_way
    )
    return Waiting(30, "VolumesGrowing", steps)


def full(db: PostgreSQLDatabase, world: World) -> Stalled | Waiting | None:
    """Name the volumes that are full, unless they grow, or grew after their instances last reported."""
    names = {claim.ordinal: f"{claim.name}, {claim.capacity or claim.requested}" for claim in world.claims}
    listed = ", ".join(
        f"{i.name} ({names.get(i.ordinal, 'its volume')})" for i in world.instances if i.disk_full
    )
    if not listed:
        return None
    stuck = cannot_grow(db, world)
    if stuck is None and (under_way := growing(world) or _grown(world)):
        return under_way
    advice = stuck.message if stuck else "increase spec.storage.size, a full volume can grow"
    return Stalled("DiskFull", f"disk full: {listed}; {advice}")


def _grown(world: World) -> Waiting | None:
    if not world.grown:
        return None
    names = ", ".join(sorted(world.grown))
    return Waiting(2, "VolumesGrowing", f"{names}: larger now, free space not yet reported")


def _short(size: str, wanted: str) -> bool:
    return parse(size) < parse(wanted)


def missing_class(db: PostgreSQLDatabase, world: World) -> Stalled | None:
    """Report a missing StorageClass; its creation triggers another reconcile."""
    pending = [claim for claim in world.claims if not claim.bound]
    if not pending:
        return None
    wanted = db.spec.storage.storage_class_name
    if wanted is not UNSET and wanted and wanted not in world.storage_classes:
        known = ", ".join(sorted(world.storage_classes)) or "none"
        return Stalled("StorageClassNotFound", f"StorageClass {wanted} does not exist; available: {known}")
    if wanted is UNSET and all(claim.storage_class is None for claim in pending):
        message = "storage.storageClassName is not set, and no StorageClass is the default"
        return Stalled("NoDefaultStorageClass", message)
    return None


def _small(db: PostgreSQLDatabase, world: World) -> list[Claim]:
    size = db.spec.storage.size
    if size is UNSET:
        return []
    return [claim for claim in world.claims if claim.bound and _short(claim.requested, size)]


def _growable(claim: Claim, world: World) -> bool:
    found = world.storage_classes.get(claim.storage_class or "")
    return found is not None and found.expandable
