"""What should exist for one database: pure functions from the database to its children's manifests.

Nothing here reads the cluster, a clock or randomness, so equal input gives equal manifests, and a write
is due exactly when they differ from what was applied last.
"""

from __future__ import annotations

from controller.desired.access import access
from controller.desired.child import Manifest
from controller.desired.disruption import disruption_budget
from controller.desired.network import network_policy
from controller.desired.patroni import configuration
from controller.desired.secrets import app_secret, keys_secret, secrets
from controller.desired.services import services
from controller.desired.statefulset import statefulset
from schemas.types import PostgreSQLDatabase

__all__ = ["app_secret", "keys_secret", "manifests", "secrets"]

MOST_INSTANCES = 9


def manifests(
    db: PostgreSQLDatabase,
    image: str,
    *,
    instances: int,
    operator_namespace: str,
    claim_size: str | None = None,
    maximum: int = MOST_INSTANCES,
    paused: bool = False,
) -> tuple[Manifest, ...]:
    """Return every child of a completed database but its Secrets, in the order to apply them.

    `instances` is how many pods there should be now (none while hibernated), `claim_size` the size in the
    claim template of the existing StatefulSet (None if there is none). `maximum` is the policy's maximum of
    replicas: Patroni gets permissions for that many pods at once, so scaling does not change its Role.
    `paused` keeps Patroni's pause, which only the user who requested it may end.
    """
    most = max(maximum, instances, db.spec.replicas if isinstance(db.spec.replicas, int) else 0)
    account, role, binding = access(db, maximum=most)
    return (
        account,
        role,
        configuration(db, paused=paused),
        *services(db),
        disruption_budget(db),
        network_policy(db, operator_namespace=operator_namespace),
        # After the Role that it refers to, and after the children that can be written concurrently.
        binding,
        statefulset(db, image, instances=instances, claim_size=claim_size),
    )
