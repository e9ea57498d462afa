"""Admission warnings: what is legal but unwise, and what a change will do (so a dry run shows the plan)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import parameters as table
from schemas.rules import hba, identifiers, later, memory, parameters, replicas, schedule, version
from schemas.verdict import listed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review
    from schemas.types import Spec

RELOAD = "reload, no restart"


def warnings(review: Review) -> Iterator[str]:
    """Give every warning about an object that is accepted, each under 120 characters."""
    for doubts in (
        version.warnings,
        replicas.warnings,
        schedule.warnings,
        identifiers.warnings,
        parameters.warnings,
        memory.warnings,
        hba.warnings,
        later.warnings,
    ):
        yield from doubts(review)
    if review.old is not None:
        yield from map(warning, _plan(review, review.old.spec))


def of_scaling(name: str, old: int, new: int, primary: str = "") -> Iterator[str]:
    """Say which instances are added or removed when the number of replicas changes."""
    step = f"replicas {old} -> {new}"
    if new > old:
        joining = listed([f"{name}-{index}" for index in range(old, new)], most=3)
        yield warning(f"{step}: {joining} {'joins as standby' if new - old == 1 else 'join as standbys'}")
    elif new < old:
        leaving = [f"{name}-{index}" for index in range(new, old)]
        ending = "go, their volumes stay" if len(leaving) > 1 else "goes, its volume stays"
        first = "switchover, then " if primary in leaving else ""
        yield warning(f"{step}: {first}{listed(leaving, most=3)} {ending}")


def _plan(review: Review, before: Spec) -> Iterator[str]:
    spec = review.spec
    if before.hibernated != spec.hibernated:
        yield (
            "hibernated: all pods go, their volumes stay"
            if spec.hibernated
            else "hibernated: all pods come back"
        )
    if spec.hibernated:
        yield from _growth(review, before)
        return
    yield from _restarts(review, before)
    if spec.replicas and before.replicas:
        primary = (review.old.status.primary or "") if review.old is not None else ""
        yield from of_scaling(review.new.metadata.name, before.replicas, spec.replicas, primary)
    if review.changed("hba"):
        yield f"hba: {RELOAD}"
    yield from _growth(review, before)


def _restarts(review: Review, before: Spec) -> Iterator[str]:
    how = restart(review.spec)
    old, new = (review.policy.release(spec.version or "") for spec in (before, review.spec))
    if old is not None and new is not None and old != new:
        yield f"version {old.version} -> {new.version}: {how}"
    names = _changed_parameters(review, before)
    restarting = [name for name in names if table.needs_restart(name, review.major)]
    reloading = [name for name in names if name not in restarting]
    if restarting:
        yield f"parameters.{listed(restarting, most=3)}: {how}"
    if reloading:
        yield f"parameters.{listed(reloading, most=3)}: {RELOAD}"
    for field in ("resources", "template"):
        if review.changed(field):
            yield f"{field}: {how}"


def restart(spec: Spec) -> str:
    """Say how instances restart."""
    if (spec.replicas or 1) > 1:
        return "rolling restart, then a switchover"
    return "the only instance restarts, its connections are closed"


def _changed_parameters(review: Review, before: Spec) -> list[str]:
    old, new = before.parameters, review.spec.parameters
    return [] if old is new else sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _growth(review: Review, before: Spec) -> Iterator[str]:
    spec = review.spec
    if before.storage.size and before.storage.size != spec.storage.size:
        step = f"{before.storage.size} -> {spec.storage.size}"
        yield f"storage.size {step}: volumes grow and can never shrink again"
    if before.synchronous != spec.synchronous:
        yield f"synchronous {before.synchronous} -> {spec.synchronous}: {_SYNCHRONOUS[spec.synchronous]}"
    if before.deletion_policy != spec.deletion_policy and spec.deletion_policy == "Delete":
        yield "deletionPolicy Retain -> Delete: deleting this object deletes its data"


_SYNCHRONOUS = {
    "Quorum": "a commit waits for a standby while there is one",
    "Strict": "with no standby left, commits wait",
    "Off": "a failover can lose the last commits",
}
