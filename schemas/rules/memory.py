"""shared_buffers against the container's memory: too much of it and PostgreSQL never starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.amounts import amount
from schemas.verdict import Violation, got, shown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.review import Review
    from schemas.types import Spec

BESIDE_SHARED_BUFFERS = 128 * 1024**2
"""Bytes for Patroni (about 50 MiB), PostgreSQL's processes and the page cache of a quiet database."""
DEFAULT = "128MB"
"""What initdb writes for shared_buffers."""

_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*(B|kB|MB|GB|TB)?\s*")
_UNITS = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4, None: 8192}
"""PostgreSQL's units are powers of 1024; a bare number counts blocks of 8 kB."""


def violations(review: Review) -> Iterator[Violation]:
    """Refuse a memory limit that leaves too little beside shared_buffers."""
    limit, buffers = _limit(review.spec), _shared_buffers(review.spec)
    needed = _bytes(buffers or DEFAULT)
    if limit is None or needed is None or not _relation_changed(review):
        return
    allowed = amount(limit)
    if allowed is None or needed + BESIDE_SHARED_BUFFERS <= allowed:
        return
    if buffers is None:
        least = f"{-(-(needed + BESIDE_SHARED_BUFFERS) // 1024**2)}Mi"
        reason = f"must be at least {least}: shared_buffers takes {DEFAULT}"
        yield got("spec.resources.limits.memory", limit, reason)
        return
    most = int(allowed - BESIDE_SHARED_BUFFERS) // 1024**2
    remedy = f"must be at most {most}MB under" if most > 0 else "does not fit under"
    yield got("spec.parameters.shared_buffers", buffers, f"{remedy} resources.limits.memory {shown(limit)}")


def warnings(review: Review) -> Iterator[str]:
    """Tell of shared_buffers that the scheduler does not know of."""
    buffers, request = _shared_buffers(review.spec), _amount(review.spec, "requests")
    if buffers is None or request is None or not _relation_changed(review):
        return
    needed, reserved = _bytes(buffers), amount(request)
    if needed is not None and reserved is not None and needed > reserved:
        yield warning(
            f"spec.parameters.shared_buffers: {buffers} is more than resources.requests.memory, {request}"
        )


def _relation_changed(review: Review) -> bool:
    before = review.before
    return before is None or _parts(review.spec) != _parts(before)


def _parts(spec: Spec) -> tuple[object, ...]:
    return _limit(spec), _amount(spec, "requests"), _shared_buffers(spec)


def _shared_buffers(spec: Spec) -> str | None:
    return spec.parameters.get("shared_buffers")


def _limit(spec: Spec) -> str | int | None:
    return _amount(spec, "limits")


def _amount(spec: Spec, kind: str) -> str | int | None:
    amounts = getattr(spec.resources, kind) if spec.resources else None
    return amounts.get("memory") if amounts else None


def _bytes(text: str) -> int | None:
    """Read an amount of memory as PostgreSQL does; None when it is none, which another rule says."""
    match = _AMOUNT.fullmatch(text)
    return int(float(match[1]) * _UNITS[match[2]]) if match else None
