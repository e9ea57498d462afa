"""The volumes: which claims to expand, and why one cannot be expanded or bound."""

from __future__ import annotations

from msgspec import UNSET

from controller.observe.state import Claim, ObservedState
from controller.plan.actions import GrowClaim, KeepClaim
from controller.plan.outcome import Stalled, Waiting
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.quantity import parse

_INFEASIBLE = "Infeasible"
"""Suffix of the states in which the driver gave up (Kubernetes API, ClaimResourceStatus)."""


def smallest(observed: ObservedState) -> int | None:
    """Return the bytes of the smallest volume; None as long as none exists."""
    sizes = (int(parse(claim.capacity)) for claim in observed.claims if claim.capacity)
    return min(sizes, default=None)


def members(observed: ObservedState) -> int:
    """Return how many instances there would be if every one came back that has a volume."""
    return max((claim.ordinal + 1 for claim in observed.claims), default=0)


def largest(observed: ObservedState) -> str | None:
    """Return the size of the largest volume, below which storage.size cannot go; None without volumes."""
    sizes = (claim.capacity for claim in observed.claims if claim.capacity)
    return max(sizes, key=parse, default=None)


def growth(db: PostgreSQLDatabase, observed: ObservedState) -> list[GrowClaim]:
    """Return the claims to expand; possible at any time, even with a full disk or a stopped server.

    A request that is larger than the spec (a slip, taken back) goes down again, as far as Kubernetes lets it:
    to a bit more than what the volume has (1.34, RecoverVolumeExpansionFailure).
    """
    size = db.spec.storage.size
    wanted = [*_small(db, observed), *_excessive(db, observed)]
    return [
        GrowClaim(claim.name, str(size), f"storage.size {claim.requested} -> {size}")
        for claim in wanted
        if _growable(claim, observed)
    ]


def upkeep(db: PostgreSQLDatabase, observed: ObservedState) -> list[GrowClaim | KeepClaim]:
    """Return what is due for claims whatever else is under way.

    Those of a StatefulSet from before the label was left out carry it: its claim template cannot change.
    """
    reason = "an application of the database's name would take it for its own"
    return [
        *growth(db, observed),
        *(KeepClaim(claim.name, reason) for claim in observed.claims if claim.prunable),
    ]


def _excessive(db: PostgreSQLDatabase, observed: ObservedState) -> list[Claim]:
    """Return the claims whose volumes have not become as large as requested, and need not any more."""
    size = db.spec.storage.size
    if size is UNSET:
        return []
    return [
        claim
        for claim in observed.claims
        if claim.bound and claim.capacity and _short(claim.capacity, size) and _short(size, claim.requested)
    ]


def cannot_grow(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | None:
    """Report claims whose StorageClass does not allow expansion, or whose driver gave up on it."""
    failed = [claim for claim in _wanting(db, observed) if claim.resize.endswith(_INFEASIBLE)]
    if failed:
        message = f"the storage refused to grow volumes, see the claims' events: {_steps(failed)}"
        return Stalled("VolumeCannotGrow", message)
    stuck = [claim for claim in _small(db, observed) if not _growable(claim, observed)]
    if not stuck:
        return None
    names = ", ".join(f"{claim.name} ({claim.requested})" for claim in stuck)
    classes = ", ".join(sorted({claim.storage_class or "none" for claim in stuck}))
    message = f"StorageClass {classes} does not allow volumes to grow to {db.spec.storage.size}: {names}"
    return Stalled("VolumeCannotGrow", message)


def growing(db: PostgreSQLDatabase, observed: ObservedState) -> Waiting | None:
    """Report volumes that are to grow, and how far that is."""
    under_way = _wanting(db, observed)
    return Waiting(30, "VolumesGrowing", _steps(under_way)) if under_way else None


def _wanting(db: PostgreSQLDatabase, observed: ObservedState) -> list[Claim]:
    """Return the claims whose volumes are smaller than requested, and than the spec asks for.

    A request that was taken back to exactly what the volume has stays: Kubernetes does not lower it so far.
    """
    size = db.spec.storage.size
    return [
        claim
        for claim in observed.claims
        if claim.capacity
        and _short(claim.capacity, claim.requested)
        and (size is UNSET or _short(claim.capacity, size))
    ]


def _steps(claims: list[Claim]) -> str:
    """Say of each claim what it has and requests, how far that is, since when, and what went wrong."""
    return ", ".join(
        f"{claim.name} {claim.capacity} -> {claim.requested} {claim.resize_state}".rstrip()
        for claim in claims
    )


def full(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | Waiting | None:
    """Name the volumes that are full, unless they grow, or grew after their instances last reported."""
    names = {claim.ordinal: f"{claim.name}, {claim.capacity or claim.requested}" for claim in observed.claims}
    listed = ", ".join(
        f"{i.name} ({names.get(i.ordinal, 'its volume')})" for i in observed.instances if i.disk_full
    )
    if not listed:
        return None
    stuck = cannot_grow(db, observed)
    if stuck is None and (under_way := growing(db, observed) or _grown(observed)):
        return under_way
    advice = stuck.message if stuck else "increase spec.storage.size, a full volume can grow"
    return Stalled("DiskFull", f"disk full: {listed}; {advice}")


def _grown(observed: ObservedState) -> Waiting | None:
    if not observed.grown:
        return None
    names = ", ".join(sorted(observed.grown))
    return Waiting(2, "VolumesGrowing", f"{names}: larger now, free space not yet reported")


def _short(size: str, wanted: str) -> bool:
    return parse(size) < parse(wanted)


def missing_class(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | None:
    """Report a missing StorageClass; its creation triggers another reconcile."""
    pending = [claim for claim in observed.claims if not claim.bound]
    if not pending:
        return None
    wanted = db.spec.storage.storage_class_name
    known_classes = observed.storage_classes
    if wanted is not UNSET and wanted and known_classes is not None and wanted not in known_classes:
        known = ", ".join(sorted(known_classes)) or "none"
        return Stalled("StorageClassNotFound", f"StorageClass {wanted} does not exist; available: {known}")
    if wanted is UNSET and all(claim.storage_class is None for claim in pending):
        message = "storage.storageClassName is not set, and no StorageClass is the default"
        return Stalled("NoDefaultStorageClass", message)
    return None


def _small(db: PostgreSQLDatabase, observed: ObservedState) -> list[Claim]:
    size = db.spec.storage.size
    if size is UNSET:
        return []
    return [claim for claim in observed.claims if claim.bound and _short(claim.requested, size)]


def _growable(claim: Claim, observed: ObservedState) -> bool:
    return expandable(claim.storage_class or "", observed)


def expandable(storage_class: str, observed: ObservedState) -> bool:
    """Whether volumes of a class may grow; where classes may not be read, the API server says so itself."""
    if observed.storage_classes is None:
        return True
    found = observed.storage_classes.get(storage_class)
    return found is not None and found.expandable
