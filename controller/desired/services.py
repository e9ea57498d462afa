"""The three Services: writes, reads from standbys, and one host name for each pod."""

from __future__ import annotations

from controller.desired import labels, names
from controller.desired.child import Manifest, child
from schemas.types import PostgreSQLDatabase

POSTGRESQL_PORT = 5432
PATRONI_PORT = 8008

_POSTGRESQL = {"name": "postgresql", "port": POSTGRESQL_PORT, "targetPort": "postgresql", "protocol": "TCP"}
_PATRONI = {"name": "patroni", "port": PATRONI_PORT, "targetPort": "patroni", "protocol": "TCP"}


def services(db: PostgreSQLDatabase) -> tuple[Manifest, ...]:
    """Return the Services of the primary, of the standbys, and of the pods.

    The first two lead to ready pods only: a container that died leaves them with the kubelet's notice,
    before anyone has taken its lock. The headless one gives pods that are not ready a host name as well.
    """
    name = db.metadata.name
    return (
        _service(db, names.primary_service(name), {"selector": labels.with_role(name, "primary")}),
        _service(db, names.standby_service(name), {"selector": labels.with_role(name, "standby")}),
        _service(
            db,
            names.pods_service(name),
            {
                "clusterIP": "None",
                "publishNotReadyAddresses": True,
                "selector": labels.instances(name),
                "ports": [_POSTGRESQL, _PATRONI],
            },
        ),
    )


def _service(db: PostgreSQLDatabase, name: str, spec: Manifest) -> Manifest:
    body = {"spec": {"type": "ClusterIP", "ports": [_POSTGRESQL], **spec}}
    return child(db, "v1", "Service", name, body=body)
