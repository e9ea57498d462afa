"""The container's memory, and shared_buffers within it: with too much of it PostgreSQL does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas import sizing
from schemas.amounts import amount
from schemas.rules.settings import BLOCK, memory, setting
from schemas.sizing import MEBIBYTE
from schemas.verdict import Violation, field_path, got, shown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review
    from schemas.types import Spec

LEAST_LIMIT = 192
"""MiB that are enough for Patroni and PostgreSQL, which then gets 48 MiB of shared_buffers."""
BESIDE_SHARED_BUFFERS = 128
"""MiB for Patroni (about 50), PostgreSQL's processes and the page cache of a quiet database."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse a limit that is too small for any database, and shared_buffers too large for the limit."""
    limit = _of(review.spec, "limits")
    allowed = amount(limit)
    if limit is None or allowed is None or not _relation_changed(review):
        return
    if allowed < LEAST_LIMIT * MEBIBYTE:
        yield got("spec.resources.limits.memory", limit, f"must be at least {LEAST_LIMIT}Mi")
        return
    # A default that is derived from the limit always fits; only an explicit value may not.
    found = setting(review.spec, "shared_buffers")
    most = int(allowed) // MEBIBYTE - BESIDE_SHARED_BUFFERS
    if found is not None and _shared_buffers(review.spec) > most * MEBIBYTE:
        expected = f"must be at most {most}MB under resources.limits.memory {shown(limit)}"
        yield got(field_path("spec.parameters", found[0]), found[1], expected)


def warnings(review: Review) -> Iterator[str]:
    """Warn of shared_buffers beyond the memory request, which the scheduler does not reserve."""
    request = _of(review.spec, "requests")
    reserved = amount(request)
    if request is None or reserved is None or not _relation_changed(review):
        return
    needed = _shared_buffers(review.spec)
    if needed <= reserved:
        return
    found = setting(review.spec, "shared_buffers")
    if found is not None:
        yield warning(
            f"spec.parameters.{found[0]}: {found[1]} is more than resources.requests.memory, {request}"
        )
    else:
        yield warning(
            f"spec.resources.requests.memory: {request} is less than shared_buffers, "
            f"{needed // MEBIBYTE}MB by the limit"
        )


def _shared_buffers(spec: Spec) -> int:
    """Return the bytes of shared_buffers: the explicit value, else the default for this memory."""
    found = setting(spec, "shared_buffers")
    if found is None:
        return sizing.shared_buffers(sizing.container_memory(spec.resources)) * MEBIBYTE
    return memory(found[1], bare=BLOCK) or 0


def _relation_changed(review: Review) -> bool:
    before = review.before
    return before is None or _parts(review.spec) != _parts(before)


def _parts(spec: Spec) -> tuple[object, ...]:
    return _of(spec, "limits"), _of(spec, "requests"), setting(spec, "shared_buffers")


def _of(spec: Spec, kind: str) -> str | int | None:
    amounts = getattr(spec.resources, kind) if spec.resources else None
    return amounts.get("memory") if amounts else None
