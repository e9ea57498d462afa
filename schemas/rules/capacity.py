"""Parameters that must fit each other, Patroni and the number of instances, or PostgreSQL does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.rules.settings import memory, setting, whole
from schemas.sizing import MEBIBYTE
from schemas.verdict import Violation, field_path, got

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review
    from schemas.types import Spec

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

PER_STANDBY = {"max_replication_slots": 1, "max_wal_senders": 2}
"""What a standby needs: a slot; a sender for its WAL, and another while it is cloned."""

DEFAULT_CONNECTIONS = 100
DEFAULT_RESERVED = {"superuser_reserved_connections": 3, "reserved_connections": 0}


def violations(review: Review) -> Iterator[Violation]:
    """Refuse values with which no server would start, or not every standby could connect."""
    spec, before = review.spec, review.before
    if before is not None and (before.parameters, before.replicas) == (spec.parameters, spec.replicas):
        return
    found = (*_too_small(spec), *_reserved(spec))
    stored = {str(violation) for violation in (*_too_small(before), *_reserved(before))} if before else set()
    yield from (violation for violation in found if str(violation) not in stored)


def _too_small(spec: Spec) -> Iterator[Violation]:
    for name, least in LEAST.items():
        found = setting(spec, name)
        number = whole(found[1]) if found else None
        if found is None or number is None:
            continue
        standbys = PER_STANDBY.get(name, 0) * ((spec.replicas or 1) - 1)
        reason = f"{standbys}, for {spec.replicas} instances" if standbys > least else f"{least}, for Patroni"
        if number < max(least, standbys):
            yield got(field_path("spec.parameters", found[0]), found[1], f"must be at least {reason}")
    for name, (mebibytes, reason) in LEAST_MEBIBYTES.items():
        found = setting(spec, name)
        amount = memory(found[1], bare=MEBIBYTE) if found else None
        if found is not None and amount is not None and amount < mebibytes * MEBIBYTE:
            expected = f"must be at least {mebibytes}MB: {reason}"
            yield got(field_path("spec.parameters", found[0]), found[1], expected)


def _reserved(spec: Spec) -> Iterator[Violation]:
    connections = setting(spec, "max_connections")
    most = (whole(connections[1]) if connections else None) or DEFAULT_CONNECTIONS
    given = {name: setting(spec, name) for name in DEFAULT_RESERVED}
    reserved = sum(
        (whole(found[1]) or 0) if found else DEFAULT_RESERVED[name] for name, found in given.items()
    )
    if reserved < most:
        return
    for found in given.values():
        if found is not None:
            expected = f"must leave some of the {most} max_connections free; {reserved} are reserved in total"
            yield got(field_path("spec.parameters", found[0]), found[1], expected)
