"""Whether objects are ready, as their own status says; no API server is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rest import Object


def ready(thing: Object) -> bool:
    """Whether the condition Ready of the database or of a pod is True."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def serves(pod: Object) -> bool:
    """Whether a pod is ready, and is not being deleted."""
    return ready(pod) and "deletionTimestamp" not in pod["metadata"]
