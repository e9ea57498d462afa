"""Kubernetes' policies for the instances: who may connect, and how many may be evicted at a time."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from controller.desired import labels, names
from controller.desired.child import child
from controller.desired.instances import exporter
from controller.desired.instances.services import PATRONI_PORT, POSTGRESQL_PORT
from controller.desired.repository import enabled
from controller.kube.objects import Manifest
from controller.protocol.exporter import PORT as METRICS_PORT
from controller.protocol.settings import PORT as BACKUP_PORT
from schemas.api.types import PostgreSQLDatabase

CONTROLLER_LABELS = {"app.kubernetes.io/name": "keddah", "app.kubernetes.io/component": "controller"}
"""Labels of the controller's own pods, as deploy/generate/objects.py gives them."""


def network_policy(db: PostgreSQLDatabase, *, operator_namespace: str) -> Manifest:
    """Return the NetworkPolicy: who reaches PostgreSQL, Patroni, backups and metrics.

    Policies only add, so no other policy could narrow down who the clients are: they are everybody unless the
    spec names them. Probes come from the node, which a policy never keeps out.
    """
    instances = {"matchLabels": labels.instances(db.metadata.name)}
    controller = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}},
        "podSelector": {"matchLabels": CONTROLLER_LABELS},
    }
    members = {"podSelector": instances}
    clients = db.spec.network.clients
    # Without `from`, or with an empty one, a rule lets everybody in.
    named = {} if clients is UNSET else {"from": [members, controller, *msgspec.to_builtins(clients)]}
    ingress = [
        {"ports": [_port(POSTGRESQL_PORT)], **named},
        {"ports": [_port(PATRONI_PORT)], "from": [members, controller]},
        *_backups(db),
        *_metrics(db),
    ]
    body = {"spec": {"podSelector": instances, "policyTypes": ["Ingress"], "ingress": ingress}}
    name = names.network_policy(db.metadata.name)
    return child(db, "networking.k8s.io/v1", "NetworkPolicy", name, body=body)


def _backups(db: PostgreSQLDatabase) -> list[Manifest]:
    """Return the rule for those who back the data up."""
    if not enabled(db):
        return []
    name = db.metadata.name
    peers = [
        {"podSelector": {"matchLabels": each}} for each in (labels.repository(name), labels.backup(name))
    ]
    return [{"ports": [_port(BACKUP_PORT)], "from": peers}]


_PROMETHEUS = {
    "namespaceSelector": {},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
}
"""As the Prometheus operator and Prometheus' own chart label its pods."""


def _metrics(db: PostgreSQLDatabase) -> list[Manifest]:
    """Return the rule for those who read the metrics; none where there are none, or nobody may."""
    given = exporter.settings(db).clients
    peers = [_PROMETHEUS] if given is UNSET else msgspec.to_builtins(given)
    if not exporter.enabled(db) or not peers:
        return []
    return [{"ports": [_port(METRICS_PORT)], "from": peers}]


def disruption_budget(db: PostgreSQLDatabase) -> Manifest:
    """Return the PodDisruptionBudget: one instance at a time, whatever its role.

    So a drain never takes the primary and a standby together. A budget of its own for the primary would
    block a drain until somebody switches over, yet win nothing: an evicted primary hands over as in
    any switchover. With one instance, `maxUnavailable`
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


def _port(number: int) -> Manifest:
    return {"port": number, "protocol": "TCP"}
