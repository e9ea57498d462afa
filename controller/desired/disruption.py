"""The PodDisruptionBudget: how many instances may be evicted at a time."""

from __future__ import annotations

from controller.desired import labels, names
from controller.desired.child import Manifest, child
from schemas.types import PostgreSQLDatabase


def disruption_budget(db: PostgreSQLDatabase) -> Manifest:
    """Return the PodDisruptionBudget: one instance at a time, whatever its role.

    So a drain never takes the primary and a standby together. A budget of its own for the primary would
    block a drain until somebody switches over, yet win nothing: an evicted primary hands over within the
    2.2 s that a switchover takes as well (design.md, measured). With one instance, `maxUnavailable`
    lets the drain proceed, where `minAvailable: 1` would block it for ever.
    Pods that are not ready count as disrupted: while a standby is down, the primary is not evicted.
    """
    body: Manifest = {
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": labels.instances(db.metadata.name)},
        }
    }
    return child(db, "policy/v1", "PodDisruptionBudget", names.disruption_budget(db.metadata.name), body=body)
