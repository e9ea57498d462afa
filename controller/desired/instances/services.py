"""The three Services: writes, reads from standbys, and one host name for each pod."""

from __future__ import annotations

from controller.desired import labels, names
from controller.desired.child import child
from controller.desired.families import families
from controller.kube.objects import Manifest
from schemas.api.services import Service, Services
from schemas.api.types import PostgreSQLDatabase

POSTGRESQL_PORT = 5432
PATRONI_PORT = 8008

_POSTGRESQL = {"name": "postgresql", "port": POSTGRESQL_PORT, "targetPort": "postgresql", "protocol": "TCP"}
_PATRONI = {"name": "patroni", "port": PATRONI_PORT, "targetPort": "patroni", "protocol": "TCP"}


def services(db: PostgreSQLDatabase) -> tuple[Manifest, ...]:
    """Return the Services of the primary, of the standbys, and of the pods.

    Writes go where the label is, ready or not: it moves with the lock, and until then a server that died
    refuses connections by itself. Without any endpoint kube-proxy would, by ICMP, which the kernel limits:
    an attempt too many stays unanswered and is repeated a second later. And a kube-proxy that has just
    taken the dead away writes the successor into its rules only a second later, by default.
    Standbys that are not ready are left out; the headless Service gives every pod a host name.
    """
    name, exposed = db.metadata.name, db.spec.services or Services()
    return (
        _service(
            db,
            names.primary_service(name),
            {"publishNotReadyAddresses": True, "selector": labels.with_role(name, "primary")},
            exposed.primary or None,
        ),
        _service(
            db,
            names.standby_service(name),
            {"selector": labels.with_role(name, "standby")},
            exposed.standbys or None,
        ),
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


def _service(db: PostgreSQLDatabase, name: str, spec: Manifest, exposed: Service | None = None) -> Manifest:
    body = {
        "spec": {
            "type": "ClusterIP",
            "ports": [_POSTGRESQL],
            **families(db),
            **spec,
            **(_outside(exposed) if exposed else {}),
        }
    }
    annotations = dict(sorted((exposed.annotations or {}).items())) if exposed else {}
    return child(db, "v1", "Service", name, body=body, annotations=annotations)


def _outside(exposed: Service) -> Manifest:
    """Return what a user chooses of a Service's spec.

    A port of the nodes that Kubernetes has chosen is not ours to name: it goes by itself with the type.
    """
    port = {**_POSTGRESQL, "nodePort": exposed.node_port} if exposed.node_port else _POSTGRESQL
    chosen = {
        "externalTrafficPolicy": exposed.external_traffic_policy,
        "loadBalancerClass": exposed.load_balancer_class,
        "loadBalancerSourceRanges": exposed.source_ranges,
    }
    return {"type": exposed.type, "ports": [port], **{key: value for key, value in chosen.items() if value}}
