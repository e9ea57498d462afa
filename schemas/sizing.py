"""How much of its container's memory PostgreSQL gets; used for its configuration and for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from schemas.amounts import amount

if TYPE_CHECKING:
    from schemas.types import ResourceRequirements

MEBIBYTE = 1024**2
BUILT_IN_SHARED_BUFFERS = 128
"""MiB that PostgreSQL takes where nobody says how much (documentation, Resource Consumption)."""
LEAST_SHARED_BUFFERS = 32


def container_memory(resources: ResourceRequirements | object) -> int | None:
    """Return the MiB that a container can count on: its limit, else its request, else None."""
    for kind in ("limits", "requests"):
        amounts = getattr(resources, kind, UNSET)
        given = amount(amounts.get("memory")) if isinstance(amounts, dict) else None
        if given is not None:
            return int(given / MEBIBYTE)
    return None


def shared_buffers(memory: int | None) -> int:
    """Return the MiB of shared_buffers that a database gets in so many MiB, unless its parameters say more.

    A quarter is the usual starting point (PostgreSQL documentation, Resource Consumption).
    """
    return BUILT_IN_SHARED_BUFFERS if memory is None else max(LEAST_SHARED_BUFFERS, memory // 4)


def effective_cache_size(memory: int) -> int:
    """Return the MiB that the planner takes all caches together for: three quarters (Query Planning)."""
    return max(2 * LEAST_SHARED_BUFFERS, memory * 3 // 4)
