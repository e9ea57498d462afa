"""Parameters that were reverted before every server had them: no server is restarted for these.

Patroni reloads PostgreSQL at once, and then sleeps for a second before it checks for pending restarts (4.1,
postgresql/config.py, reload_config): until then it reports restarts that are no longer wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controller.desired.parameters import parameters
from controller.desired.patroni import major
from controller.observe.world import Instance, World
from controller.plan.outcome import Waiting
from schemas.parameters import same
from schemas.types import PostgreSQLDatabase


def digested(db: PostgreSQLDatabase, world: World) -> World:
    """Return the world without the pending restarts of reverted parameters."""
    return replace(world, instances=tuple(_without_withdrawn(i, db, world) for i in world.instances))


def digesting(db: PostgreSQLDatabase, world: World) -> Waiting | None:
    """Wait while Patroni still reports reverted parameters."""
    late = [i.name for i in world.instances if _without_withdrawn(i, db, world) is not i]
    if not late:
        return None
    return Waiting(2, "RollingOut", f"{', '.join(late)}: Patroni still reports parameters that were reverted")


def _without_withdrawn(instance: Instance, db: PostgreSQLDatabase, world: World) -> Instance:
    pending = instance.pending_restart
    if not pending or not world.former:
        return instance
    wanted, version = parameters(db), int(major(db))
    kept = {
        name: (old, new)
        for name, (old, new) in pending.items()
        if not _means(world.former, name, new, version) or _means(wanted, name, new, version)
    }
    return instance if len(kept) == len(pending) else replace(instance, pending_restart=kept or None)


def _means(values: Mapping[str, str], name: str, value: str, version: int) -> bool:
    """Whether a parameter has this value among others."""
    found = values.get(name.lower())
    return found is not None and same(name, found, value, version)
