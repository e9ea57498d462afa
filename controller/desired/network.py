"""The NetworkPolicy of the instances."""

from __future__ import annotations

from controller.desired import labels, names
from controller.desired.child import Manifest, child
from controller.desired.services import PATRONI_PORT, POSTGRESQL_PORT
from schemas.types import PostgreSQLDatabase

CONTROLLER_LABELS = {"app.kubernetes.io/name": "keddah", "app.kubernetes.io/component": "controller"}
"""Labels of the controller's own pods, as deploy/manifests.py gives them."""


def network_policy(db: PostgreSQLDatabase, *, operator_namespace: str) -> Manifest:
    """Return the NetworkPolicy: SQL from anywhere, Patroni from the database itself and the controller.

    Who may connect to PostgreSQL is pg_hba's to say, and another policy's of the user's. Probes come from
    the node, which a policy never keeps out.
    """
    instances = {"matchLabels": labels.instances(db.metadata.name)}
    controller = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}},
        "podSelector": {"matchLabels": CONTROLLER_LABELS},
    }
    ingress = [
        {"ports": [_port(POSTGRESQL_PORT)]},
        {"ports": [_port(PATRONI_PORT)], "from": [{"podSelector": instances}, controller]},
    ]
    body = {"spec": {"podSelector": instances, "policyTypes": ["Ingress"], "ingress": ingress}}
    name = names.network_policy(db.metadata.name)
    return child(db, "networking.k8s.io/v1", "NetworkPolicy", name, body=body)


def _port(number: int) -> Manifest:
    return {"port": number, "protocol": "TCP"}
