"""Admission warnings: what is legal but unwise, and what a change will do (so a dry run shows the plan)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.kubernetes.amounts import amount
from schemas.postgresql.parameters import check as table
from schemas.rules import (
    access,
    backup,
    extensions,
    hba,
    identifiers,
    memory,
    monitoring,
    network,
    parameters,
    replicas,
    requests,
    restore,
    schedule,
    services,
    sizing,
    template,
    version,
)
from schemas.verdict import listed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.api.backup import Repository
    from schemas.api.types import Spec
    from schemas.rules.review import Review

RELOAD = "reload, no restart"
_WITHOUT_RESTART = {
    "hba": f"hba: {RELOAD}",
    "network": "network: at once for new connections, without a restart",
    "services": "services: at once, without a restart; a load balancer may get another address",
    "tls": "tls: another certificate within minutes, without a restart",
}


def warnings(review: Review) -> Iterator[str]:
    """Give every warning about an object that is accepted, each under 120 characters."""
    for doubts in (
        version.warnings,
        replicas.warnings,
        schedule.warnings,
        backup.warnings,
        restore.warnings,
        requests.warnings,
        identifiers.warnings,
        access.warnings,
        extensions.warnings,
        parameters.warnings,
        memory.warnings,
        hba.warnings,
        network.warnings,
        monitoring.warnings,
        services.warnings,
        template.warnings,
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
    if review.changed("backup", "backup_schedule"):
        yield from _backups(spec, before)
    if spec.hibernated:
        yield from _growth(review, before)
        return
    yield from _restarts(review, before)
    if spec.replicas and before.replicas:
        primary = (review.old.status.primary or "") if review.old is not None else ""
        yield from of_scaling(review.new.metadata.name, before.replicas, spec.replicas, primary)
        yield from _connections(review, before.replicas, spec.replicas)
    yield from (words for field, words in _WITHOUT_RESTART.items() if review.changed(field))
    if _issued(spec) != _issued(before):
        yield f"tls.issuerRef: another way for standbys to verify the primary: {restart(spec)}"
    yield from _growth(review, before)


def _backups(spec: Spec, before: Spec) -> Iterator[str]:
    """Say what becomes of the backups that there are, and where the next ones go."""
    how = "" if spec.hibernated else f": {restart(spec)}"
    if before.backup_schedule and not spec.backup_schedule:
        yield f"backupSchedule: no more backups and archived WAL; those there are stay{how}"
    elif spec.backup_schedule and not before.backup_schedule:
        yield f"backupSchedule: a new archive, with a full backup first{how}"
    elif spec.backup_schedule:
        yield from _repository(spec.backup.repository, before.backup.repository, how)
        if spec.backup.retention.days < before.backup.retention.days:
            days = f"{before.backup.retention.days} -> {spec.backup.retention.days}"
            yield f"backup.retention.days {days}: what is older goes with the next backup"


def _repository(new: Repository, old: Repository, how: str) -> Iterator[str]:
    if bool(old.s3) != bool(new.s3):
        step = "volume -> s3" if new.s3 else "s3 -> volume"
        yield f"backup.repository {step}: begins with a full backup{how}"
    elif backup.secrets(old) != backup.secrets(new):
        yield f"backup.repository: the pods get other Secrets{how}"
        if old.encryption != new.encryption:
            yield "backup.repository.encryption: with another key nobody reads the backups that there are"
    elif not new.s3:
        before, after = backup.volume(old).size, backup.volume(new).size
        if amount(before) != amount(after):
            step = f"backup.repository.volume.size {before} -> {after}"
            yield f"{step}: the volume grows and can never shrink again"
            if _much_larger(before, after):
                yield f"{step}: more than ten times as much; is the unit right?"


def _connections(review: Review, old: int, new: int) -> Iterator[str]:
    """Say that every server restarts, if more instances need more of what only a start can give."""
    more = [name for name in sizing.PER_STANDBY if review.settings.get(name) is None]
    if more and new > old and sizing.replication(new) != sizing.replication(old):
        yield f"replicas {old} -> {new}: more {listed(more)}: {restart(review.spec)}"


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
    yield from (f"databases: {change}: {how}" for change in extensions.restarting(review, before))
    for field in ("resources", "template"):
        if review.changed(field):
            yield f"{field}: {how}"
    if monitoring.restarting(review.spec) != monitoring.restarting(before):
        yield f"monitoring: {how}"


def _issued(spec: Spec) -> bool:
    return bool(spec.tls and spec.tls.issuer_ref)


def restart(spec: Spec) -> str:
    """Say how instances restart."""
    if (spec.replicas or 1) > 1:
        return "rolling restart, then a switchover"
    return "the only instance restarts, its connections are closed"


def _changed_parameters(review: Review, before: Spec) -> list[str]:
    if not review.changed("parameters"):
        return []
    before_by_name, given_by_name = _folded(before.parameters), _folded(review.spec.parameters)
    changed = {
        name
        for name in before_by_name.keys() | given_by_name.keys()
        if not table.same(name, _value(before_by_name, name), _value(given_by_name, name), review.major)
    }
    return sorted(_spelled(name, given_by_name, before_by_name) for name in changed)


def _folded(given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Key parameters by their name in lower case: PostgreSQL ignores its case."""
    return {name.lower(): (name, value) for name, value in given.items()}


def _value(given: Mapping[str, tuple[str, str]], name: str) -> str | None:
    return given[name][1] if name in given else None


def _spelled(name: str, *given: Mapping[str, tuple[str, str]]) -> str:
    return next(names[name][0] for names in given if name in names)


def _growth(review: Review, before: Spec) -> Iterator[str]:
    spec = review.spec
    if before.storage.size and spec.storage.size and before.storage.size != spec.storage.size:
        step = f"{before.storage.size} -> {spec.storage.size}"
        if not _shrinks(before.storage.size, spec.storage.size):
            yield f"storage.size {step}: volumes grow and can never shrink again"
        if _much_larger(before.storage.size, spec.storage.size):
            yield f"storage.size {step}: more than ten times as much; is the unit right?"
    if before.synchronous != spec.synchronous:
        yield f"synchronous {before.synchronous} -> {spec.synchronous}: {_SYNCHRONOUS[spec.synchronous]}"
    if before.deletion_policy != spec.deletion_policy and spec.deletion_policy == "Delete":
        kept = "; a last backup stays" if spec.backup_schedule and spec.backup.final_backup else ""
        yield f"deletionPolicy Retain -> Delete: deleting this object deletes its data and backups{kept}"


def _shrinks(old: str, new: str) -> bool:
    before, after = amount(old), amount(new)
    return before is not None and after is not None and after < before


def _much_larger(old: str, new: str) -> bool:
    before, after = amount(old), amount(new)
    return before is not None and after is not None and after > 10 * before


_SYNCHRONOUS = {
    "Quorum": "a commit waits for a standby while there is one",
    "Strict": "with no standby left, commits wait",
    "Off": "a failover can lose the last commits",
}
