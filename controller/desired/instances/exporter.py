"""The container beside PostgreSQL that gives Prometheus an instance's metrics.

It is another user than PostgreSQL, who is a superuser by its socket, and has neither Patroni's token nor any
Secret: of the certificates it reads what everybody is shown.
"""

from __future__ import annotations

from typing import Final

from controller.desired import names
from controller.desired.instances.users import NO_TOKEN
from controller.desired.security import container_security
from controller.kube.objects import Manifest
from controller.protocol.exporter import (
    CERTIFICATES,
    CERTIFICATES_DIRECTORY,
    PORT,
    QUERIES_ARGUMENT,
    QUERIES_DIRECTORY,
    RUN_DIRECTORY,
    SOCKET,
    VOLUME_DIRECTORY,
)
from controller.protocol.logs import DATABASE
from schemas.api.monitoring import Monitoring
from schemas.api.types import PostgreSQLDatabase
from schemas.rules.volumes import TOKEN_DIRECTORY

CONTAINER: Final = "keddah-exporter"
PORT_NAME: Final = "metrics"
USER: Final = 998
"""User and group `keddah_exporter` of the image."""

_NAMESPACE: Final = "KEDDAH_NAMESPACE"
_RUN: Final = "keddah-exporter"
_QUERIES: Final = "keddah-queries"
_CERTIFICATES: Final = "keddah-certificates"


def settings(db: PostgreSQLDatabase) -> Monitoring:
    """Return what is declared of metrics, or the defaults."""
    return db.spec.monitoring or Monitoring()


def enabled(db: PostgreSQLDatabase) -> bool:
    """Whether the instances have exporters."""
    return settings(db).enabled


def arguments(db: PostgreSQLDatabase) -> list[str]:
    """Return what names the files of custom queries to the exporter."""
    return [f"{QUERIES_ARGUMENT}{each.config_map}/{each.key}" for each in settings(db).queries]


def container(db: PostgreSQLDatabase, image: str) -> Manifest:
    """Return the container. It never ends by itself and has no probe: it makes no instance not ready."""
    queries = arguments(db)
    mounts = [
        ("data", VOLUME_DIRECTORY),
        # Read-only, it can be connected to, and nothing be put in its place.
        ("run", SOCKET.rpartition("/")[0]),
        (_CERTIFICATES, CERTIFICATES_DIRECTORY),
        (NO_TOKEN, TOKEN_DIRECTORY),
        *([(_QUERIES, QUERIES_DIRECTORY)] if queries else []),
    ]
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["keddah-exporter", f"--database={db.spec.database}", *queries],
        "env": [
            # Not the namespace itself: of the same declaration the template is the same everywhere.
            {
                "name": _NAMESPACE,
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            },
            {"name": DATABASE, "value": f"$({_NAMESPACE})/{db.metadata.name}"},
        ],
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}},
        "securityContext": container_security() | {"runAsUser": USER, "runAsGroup": USER},
        "volumeMounts": [
            *({"name": name, "mountPath": path, "readOnly": True} for name, path in mounts),
            {"name": _RUN, "mountPath": RUN_DIRECTORY},
        ],
    }


def words_mount() -> Manifest:
    """Return the mount by which Patroni reads what the exporter says of custom queries."""
    return {"name": _RUN, "mountPath": RUN_DIRECTORY, "readOnly": True}


def volumes(db: PostgreSQLDatabase) -> list[Manifest]:
    """Return its volumes. ConfigMaps are optional: that one is missing keeps no instance from starting."""
    found: list[Manifest] = [
        {"name": _RUN, "emptyDir": {"sizeLimit": "1Mi"}},
        {
            "name": _CERTIFICATES,
            "secret": {
                "secretName": names.tls_secret(db.metadata.name),
                "items": [{"key": _file(path), "path": _file(path)} for path in CERTIFICATES.values()],
                "defaultMode": 0o444,
                "optional": True,
            },
        },
    ]
    sources = [
        {
            "configMap": {
                "name": each.config_map,
                "items": [{"key": each.key, "path": f"{each.config_map}/{each.key}"}],
                "optional": True,
            }
        }
        for each in settings(db).queries
    ]
    if sources:
        found.append({"name": _QUERIES, "projected": {"defaultMode": 0o444, "sources": sources}})
    return found


def _file(path: str) -> str:
    return path.rpartition("/")[2]
