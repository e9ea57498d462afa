"""PostgreSQL's parameters that follow from a pod's memory, processors and volume, where its user is silent.

None is less than what PostgreSQL itself takes, but for WAL on a small volume: where a pod has little, it is
as fast as with PostgreSQL's own values. The user's value always wins, and counts in what follows from it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import UNSET

from schemas.kubernetes.amounts import amount
from schemas.postgresql.parameters.check import needs_restart
from schemas.postgresql.parameters.table import known
from schemas.rules import sharing, sizing
from schemas.rules.settings import ParameterSettings
from schemas.rules.sizing import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from schemas.api.fields import ResourceRequirements

LEAST_WORK_MEM: Final = 4
"""MiB: PostgreSQL's own. It may not fit for every connection of a small pod, as it never did."""
_LEAST_MAINTENANCE, _MOST_MAINTENANCE = 64, 2048
_WORKERS, _GATHER, _VACUUMERS, _READERS = 8, 2, 3, 3
"""PostgreSQL's own numbers of processes."""
_COST_LIMIT = 200
_FOLLOW: Final = {
    "autovacuum_work_mem": "maintenance_work_mem",
    "autovacuum_vacuum_cost_limit": "vacuum_cost_limit",
}
"""By themselves the first follow the second: who sets the second means both."""
SINCE_18: Final = 18
_READ_AHEAD: Final = 16
"""Reads at once: what PostgreSQL 18 takes. 17 has 1, of the time of disks with one head."""


class Room(NamedTuple):
    """What a pod has; None for what is not known."""

    memory: int | None
    """MiB."""
    processors: int = 0
    """Its limit, else its request, rounded up; without a limit it may use more, while nobody else does."""
    volume: int | None = None
    """MiB of the smallest volume."""


def room(resources: ResourceRequirements | object, volume: Decimal | int | None) -> Room:
    """Return what a container with these resources has, and a volume of so many bytes."""
    mebibytes = int(volume / MEBIBYTE) if volume else None
    return Room(sizing.container_memory(resources), _processors(resources), mebibytes)


def derived(given: ParameterSettings, room: Room, starts: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the derived parameters, less what is given.

    `starts` are those that the pods' template has for what only a start can change (see `starting`); without
    it they are as this release of keddah derives them.
    """
    at_start = starting(room, given.major) if starts is None else starts
    return dict(_derived(given.items(), given.major, room, tuple(at_start.items())))


@lru_cache(maxsize=1024)  # asked for twice in each reconcile, of databases that are mostly alike
def _derived(
    items: tuple[tuple[str, str], ...], major: int, room: Room, at_start: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    given = ParameterSettings(dict(items), major)
    sizes = sizing.wal_sizes(room.volume, given.memory("max_wal_size")) if room.volume else {}
    found = _basis(room) | sizes
    if known(major) is not None:
        numbers = _numbers(room.processors, major) | dict(at_start)
        found |= numbers | _memory(given.over(found | numbers), room.memory)
    return {name: value for name, value in found.items() if _silent(name, given)}


def starting(room: Room, major: int) -> dict[str, str]:
    """Return the derived parameters, other than shared_buffers, that only a start can change.

    They are part of a pod's template, and so of its edition: when a release of keddah derives others, servers
    start again in their turn, and not because keddah was upgraded. Only what differs from PostgreSQL's own.
    """
    workers, vacuumers = room.processors, _vacuumers(room.processors)
    found = {"max_worker_processes": str(_WORKERS + workers)} if workers > _WORKERS else {}
    if vacuumers > _VACUUMERS and needs_restart("autovacuum_max_workers", major):
        found["autovacuum_max_workers"] = str(vacuumers)
    return found


def work_mem(settings: ParameterSettings, memory: int) -> int:
    """Return the MiB that every operation can have if each connection and parallel worker has one hash.

    A query may have more of them; but rarely do all connections run one at once.
    """
    workers = min(settings.in_force("max_parallel_workers"), settings.in_force("max_worker_processes"))
    operations = (settings.in_force("max_connections") + workers) * settings.in_force("hash_mem_multiplier")
    return max(0, int(_left(settings, memory) / max(operations, 1)))


def _left(settings: ParameterSettings, memory: int) -> int:
    """Return the MiB that are left beside shared memory and maintenance, all autovacuum workers included."""
    maintenance = settings.memory_in_force("maintenance_work_mem")
    vacuum = settings.memory_in_force("autovacuum_work_mem")
    vacuumers = int(settings.in_force("autovacuum_max_workers"))
    kept = maintenance + vacuumers * (vacuum if vacuum >= 0 else maintenance)
    shared = settings.memory_in_force("shared_buffers") + sharing.more(settings)
    return memory - sizing.BESIDE_SHARED_BUFFERS - (shared + kept) // MEBIBYTE


def _silent(name: str, given: ParameterSettings) -> bool:
    return given.get(name) is None and (name not in _FOLLOW or given.get(_FOLLOW[name]) is None)


def _basis(room: Room) -> dict[str, str]:
    if room.memory is None:
        return {}
    return {
        "shared_buffers": f"{sizing.shared_buffers(room.memory)}MB",
        "effective_cache_size": f"{sizing.effective_cache_size(room.memory)}MB",
    }


def _memory(settings: ParameterSettings, memory: int | None) -> dict[str, str]:
    """Return the memory of operations: a sixteenth for maintenance, and one for all autovacuum workers."""
    if memory is None:
        return {}
    share = memory // 16
    vacuumers = max(1, int(settings.in_force("autovacuum_max_workers")))
    maintenance = {
        "maintenance_work_mem": f"{_between(_LEAST_MAINTENANCE, share, _MOST_MAINTENANCE)}MB",
        "autovacuum_work_mem": f"{_between(_LEAST_MAINTENANCE, share // vacuumers, _MOST_MAINTENANCE)}MB",
    }
    if maintenance["autovacuum_work_mem"] == maintenance["maintenance_work_mem"]:
        del maintenance["autovacuum_work_mem"]
    kept = {name: value for name, value in maintenance.items() if _silent(name, settings)}
    fits = work_mem(settings.over(kept), memory)
    return maintenance | {"work_mem": f"{max(LEAST_WORK_MEM, fits)}MB"}


def _numbers(processors: int, major: int) -> dict[str, str]:
    """Return how many processes and reads there may be at once, where a reload can change it.

    Only what differs from PostgreSQL's own: most databases have few processors.
    """
    vacuumers, gather = _vacuumers(processors), _between(_GATHER, processors // 2, 4)
    # The limit is for all workers together: more of them alone would only be slower ones.
    cost = _COST_LIMIT * (1 + vacuumers - _VACUUMERS)
    found = {
        "max_parallel_workers": (max(_WORKERS, processors), _WORKERS),
        "max_parallel_workers_per_gather": (gather, _GATHER),
        "max_parallel_maintenance_workers": (gather, _GATHER),
        "autovacuum_vacuum_cost_limit": (cost, _COST_LIMIT),
    }
    if not needs_restart("autovacuum_max_workers", major):
        found["autovacuum_max_workers"] = (vacuumers, _VACUUMERS)
    if major >= SINCE_18:
        found["io_workers"] = (_between(_READERS, processors // 4, 32), _READERS)
    else:
        found |= {
            "effective_io_concurrency": (_READ_AHEAD, 1),
            "maintenance_io_concurrency": (_READ_AHEAD, 10),
        }
    return {name: str(number) for name, (number, own) in found.items() if number != own}


def _vacuumers(processors: int) -> int:
    return _between(_VACUUMERS, processors // 4, 10)


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


def _processors(resources: ResourceRequirements | object) -> int:
    for kind in ("limits", "requests"):
        amounts = getattr(resources, kind, UNSET)
        given = amount(amounts.get("cpu")) if isinstance(amounts, dict) else None
        if given is not None:
            return min(_MOST_PROCESSORS, max(0, math.ceil(given)))
    return 0


_MOST_PROCESSORS: Final = 512
"""More is a slip of the unit, or has other worries."""
