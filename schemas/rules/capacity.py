"""Parameters that must fit each other, Patroni and the number of instances, or PostgreSQL does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.kubernetes.amounts import amount
from schemas.rules import sharing
from schemas.rules.sizing import MEBIBYTE, PER_STANDBY
from schemas.verdict import Violation, field_path, got, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.types import Spec
    from schemas.rules.review import Review
    from schemas.rules.settings import ParameterSettings

LEAST = {
    "max_connections": 25,
    "max_locks_per_transaction": 32,
    "max_replication_slots": 4,
    "max_wal_senders": 3,
    "max_worker_processes": 2,
}
"""Below these Patroni silently takes values of its own (patroni/postgresql/config.py, CMDLINE_OPTIONS)."""

LEAST_MEBIBYTES = {
    "max_wal_size": (32, "two WAL segments, or PostgreSQL does not start"),
    "min_wal_size": (32, "two WAL segments, or PostgreSQL does not start"),
    "wal_keep_size": (16, "the minimum that Patroni accepts"),
}
"""PostgreSQL's own bounds are lower, and it checks these at its start (ReadControlFile in xlog.c)."""

KEPT_ON_VOLUME = ("wal_keep_size", "min_wal_size")
"""Of so much WAL nothing is ever removed (PostgreSQL documentation, WAL Configuration)."""

TRUE = frozenset({"on", "true", "yes", "1"})
DEFAULT_CONNECTIONS = 100
DEFAULT_RESERVED = {"superuser_reserved_connections": 3, "reserved_connections": 0}


def violations(review: Review) -> Iterator[Violation]:
    """Refuse values with which no server would start, or not every standby could connect."""
    if not review.changed("parameters", "replicas", "storage"):
        return
    found = _all(review.spec, review.settings)
    if found and review.before is not None:
        stored = {str(violation) for violation in _all(review.before, review.settings_before())}
        found = tuple(violation for violation in found if str(violation) not in stored)
    yield from found


def _all(spec: Spec, settings: ParameterSettings) -> tuple[Violation, ...]:
    checks = (_too_small, _too_large, _reserved, _too_many, _statistics)
    return tuple(violation for check in checks for violation in check(spec, settings))


def _too_small(spec: Spec, settings: ParameterSettings) -> Iterator[Violation]:
    for name, least in LEAST.items():
        found = settings.get(name)
        given = settings.number(name) if found else None
        if found is None or given is None:
            continue
        standbys = PER_STANDBY.get(name, 0) * ((spec.replicas or 1) - 1)
        if given < max(least, standbys):
            reason = (
                f"{standbys}, for {spec.replicas} instances" if standbys > least else f"{least}, for Patroni"
            )
            yield got(field_path("spec.parameters", found[0]), found[1], f"must be at least {reason}")
    for name, (mebibytes, reason) in LEAST_MEBIBYTES.items():
        found, amount = settings.get(name), settings.memory(name)
        if found is not None and amount is not None and amount < mebibytes * MEBIBYTE:
            expected = f"must be at least {mebibytes}MB: {reason}"
            yield got(field_path("spec.parameters", found[0]), found[1], expected)


def _too_large(spec: Spec, settings: ParameterSettings) -> Iterator[Violation]:
    size = spec.storage.size or None
    for name in KEPT_ON_VOLUME:
        found, kept = settings.get(name), settings.memory(name)
        volume = amount(size) if found is not None else None
        if found is not None and kept is not None and volume is not None and kept >= volume:
            expected = f"must be less than spec.storage.size {shown(size)}, or it fills the volume"
            yield got(field_path("spec.parameters", found[0]), found[1], expected)


def _reserved(_: Spec, settings: ParameterSettings) -> Iterator[Violation]:
    most = settings.number("max_connections") or DEFAULT_CONNECTIONS
    given = {name: settings.get(name) for name in DEFAULT_RESERVED}
    reserved = sum(
        (settings.number(name) or 0) if found else DEFAULT_RESERVED[name] for name, found in given.items()
    )
    if reserved < most:
        return
    for found in given.values():
        if found is not None:
            counted = f"{reserved:g} are reserved in total"
            expected = f"must leave some of the {most:g} max_connections free; {counted}"
            yield got(field_path("spec.parameters", found[0]), found[1], expected)


def _too_many(_: Spec, settings: ParameterSettings) -> Iterator[Violation]:
    names = sharing.counted(settings.major)
    given = [found for name in names if (found := settings.get(name))]
    total = sharing.processes(settings) if given else 0
    if total <= sharing.MOST_PROCESSES:
        return
    name, value = max(given, key=lambda found: settings.number(found[0].lower()) or 0)
    together = f"at most {sharing.MOST_PROCESSES} processes together with {', '.join(names)}"
    yield got(field_path("spec.parameters", name), value, f"{together}; now {total}")


def _statistics(_: Spec, settings: ParameterSettings) -> Iterator[Violation]:
    """Refuse what PostgreSQL prints once a statement and once for each part of it (check_stage_log_stats)."""
    if settings.word("log_statement_stats", "off") not in TRUE:
        return
    for name in ("log_parser_stats", "log_planner_stats", "log_executor_stats"):
        found = settings.get(name)
        if found is not None and found[1].lower() in TRUE:
            expected = "cannot be on together with log_statement_stats, which covers it"
            yield got(field_path("spec.parameters", found[0]), found[1], expected)
