"""How much of its memory and of its volume PostgreSQL gets; used for its configuration and for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from schemas.kubernetes.amounts import amount

if TYPE_CHECKING:
    from schemas.api.fields import ResourceRequirements

MEBIBYTE = 1024**2
BUILT_IN_SHARED_BUFFERS = 128
"""MiB that PostgreSQL takes where nobody says how much (documentation, Resource Consumption)."""
LEAST_SHARED_BUFFERS = 32
BESIDE_SHARED_BUFFERS = 128
"""MiB for Patroni (about 50), PostgreSQL's processes and the page cache of a quiet database."""
NODE_DISK = 128
"""MiB that a pod usually has on its node's disk: its log, of which the kubelet keeps 50, and /tmp."""
_LEAST_WAL, _MOST_WAL = 64, 4096
_LEAST_KEPT_WAL = 32
_PLENTY = 1024
PER_STANDBY = {"max_replication_slots": 1, "max_wal_senders": 2}
"""What a standby needs: a slot; a sender for its WAL, and another while it is cloned."""
_REPLICATION, _SPARE = 24, 8


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


def shared_memory(resources: ResourceRequirements | object) -> int:
    """Return the MiB that parallel queries can share: half of the memory, or plenty where it has no limit."""
    share = (container_memory(resources) or 0) // 2
    limits = getattr(resources, "limits", UNSET)
    return share if isinstance(limits, dict) and "memory" in limits else max(_PLENTY, share)


def wal_sizes(volume: int, most: int | None = None) -> dict[str, str]:
    """Return the parameters for WAL on a volume of so many MiB; `most`: bytes of a given max_wal_size.

    A slot whose standby or consumer is away holds a fifth of the volume at most, then it ends: a standby is
    cloned again, where a full disk would stop the primary too. Between checkpoints a tenth of the volume:
    PostgreSQL's own 1 GB is too much for a small one. Not more than 4 GB, which a crashed server may have to
    read again. A quarter of it is kept as files to be written anew, which is cheaper than new ones.
    """
    between = max(_LEAST_WAL, min(volume // 10, _MOST_WAL)) if most is None else most // MEBIBYTE
    return {
        "max_slot_wal_keep_size": f"{max(_LEAST_WAL, volume // 5)}MB",
        "max_wal_size": f"{between}MB",
        "min_wal_size": f"{max(_LEAST_KEPT_WAL, min(between // 4, volume // 40))}MB",
    }


def replication(members: int) -> dict[str, str]:
    """Return how many connections and slots a primary has for so many members, and for others' consumers.

    Every standby may be cloned at once, with PER_STANDBY of each. In steps, because a change restarts all
    servers: up to nine members, the policy's own maximum, none is needed.
    """
    most = _REPLICATION
    while most < _SPARE + max(PER_STANDBY.values()) * (members - 1):
        most *= 2
    return dict.fromkeys(PER_STANDBY, str(most))


def effective_cache_size(memory: int) -> int:
    """Return the MiB that the planner takes all caches together for: three quarters (Query Planning)."""
    return max(2 * LEAST_SHARED_BUFFERS, memory * 3 // 4)
