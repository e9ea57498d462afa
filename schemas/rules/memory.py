"""The container's memory, and shared_buffers within it: too much of it and PostgreSQL never starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.amounts import amount
from schemas.rules.settings import BLOCK, MEBIBYTE, memory, setting
from schemas.verdict import Violation, field_path, got, shown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review
    from schemas.types import Spec

LEAST_LIMIT = 192
"""MiB in which PostgreSQL, with the few shared_buffers that it is then given, and Patroni live."""
BESIDE_SHARED_BUFFERS = 128
"""MiB for Patroni (about 50), PostgreSQL's processes and the page cache of a quiet database."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse a limit in which no database can live, and shared_buffers that it leaves no room for."""
    limit = _of(review.spec, "limits")
    allowed = amount(limit)
    if limit is None or allowed is None or not _relation_changed(review):
        return
    if allowed < LEAST_LIMIT * MEBIBYTE:
        yield got("spec.resources.limits.memory", limit, f"must be at least {LEAST_LIMIT}Mi")
        return
    found = setting(review.spec, "shared_buffers")
    needed = memory(found[1], bare=BLOCK) if found else None
    most = int(allowed) // MEBIBYTE - BESIDE_SHARED_BUFFERS
    if found is not None and needed is not None and needed > most * MEBIBYTE:
        told = f"must be at most {most}MB under resources.limits.memory {shown(limit)}"
        yield got(field_path("spec.parameters", found[0]), found[1], told)


def warnings(review: Review) -> Iterator[str]:
    """Tell of shared_buffers that the scheduler does not know of."""
    found, request = setting(review.spec, "shared_buffers"), _of(review.spec, "requests")
    if found is None or request is None or not _relation_changed(review):
        return
    needed, reserved = memory(found[1], bare=BLOCK), amount(request)
    if needed is not None and reserved is not None and needed > reserved:
        yield warning(
            f"spec.parameters.{found[0]}: {found[1]} is more than resources.requests.memory, {request}"
        )


def _relation_changed(review: Review) -> bool:
    before = review.before
    return before is None or _parts(review.spec) != _parts(before)


def _parts(spec: Spec) -> tuple[object, ...]:
    return _of(spec, "limits"), _of(spec, "requests"), setting(spec, "shared_buffers")


def _of(spec: Spec, kind: str) -> str | int | None:
    amounts = getattr(spec.resources, kind) if spec.resources else None
    return amounts.get("memory") if amounts else None
