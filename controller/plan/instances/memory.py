"""Instances for which the memory does not suffice, which only a person can give them."""

from __future__ import annotations

from controller.observe.state import ObservedState
from controller.plan.outcome import Stalled
from schemas.api.types import PostgreSQLDatabase, ResourceRequirements

_REPEATED = 2
"""One kill may have been an exceptional query's."""


def too_little(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | None:
    """Name the instances whose processes were killed repeatedly, within an hour, for lack of memory."""
    often = {i.name: observed.kills.get(i.uid, 0) for i in observed.instances}
    listed = [f"{name} ({count} times)" for name, count in often.items() if count >= _REPEATED]
    if not listed:
        return None
    message = f"killed for lack of memory within an hour: {', '.join(listed)}; {_advice(db)}"
    return Stalled("KilledForMemory", message)


def _advice(db: PostgreSQLDatabase) -> str:
    resources = db.spec.resources
    limits = (resources.limits or {}) if isinstance(resources, ResourceRequirements) else {}
    if "memory" in limits:
        limit = f"increase spec.resources.limits.memory ({limits['memory']})"
    else:
        limit = "increase spec.resources.requests.memory, its node has too little"
    return f"{limit}, or lower work_mem, shared_buffers or max_connections"
