"""The pod of one instance: Patroni and PostgreSQL in one container, under Pod Security `restricted`."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from controller.desired import labels, names, patroni
from controller.desired.child import Manifest
from controller.desired.parameters import TLS_DIRECTORY
from controller.desired.probes import probes
from controller.desired.services import PATRONI_PORT, POSTGRESQL_PORT
from schemas.types import PostgreSQLDatabase, ResourceRequirements, Template

CONTAINER = "postgres"
CONFIGURATION_HASH = "keddah.dev/patroni-file"

_USER = 999
_SHUTDOWN_SECONDS = 300

_MOUNTS = (
    ("data", "/var/lib/postgresql"),
    ("config", "/etc/patroni"),
    ("tls", TLS_DIRECTORY),
    ("app", "/etc/keddah/app"),
    ("tmp", "/tmp"),  # noqa: S108 - a volume of the pod's own
    ("run", patroni.SOCKET_DIRECTORY),
    ("shm", "/dev/shm"),  # noqa: S108 - a volume of the pod's own
)
_READ_ONLY = frozenset({"config", "tls", "app"})


def pod_template(db: PostgreSQLDatabase, image: str) -> Manifest:
    """Return the pod template; it changes only with settings that need a restart of the pod.

    Passwords, certificates and the dynamic configuration are not in it: their change restarts nothing. The
    user's labels and annotations come first, so that none replaces keddah's.
    """
    template = db.spec.template if isinstance(db.spec.template, Template) else Template()
    name = db.metadata.name
    digest = hashlib.sha256(patroni.static(db).encode()).hexdigest()[:16]
    metadata: Manifest = {
        "labels": _given(template.labels) | labels.common(name) | labels.patroni(name),
        "annotations": _given(template.annotations)
        | {CONFIGURATION_HASH: digest, "kubectl.kubernetes.io/default-container": CONTAINER},
    }
    spec: Manifest = {
        "serviceAccountName": names.patroni_account(name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        # Time for the shutdown checkpoint; without it the instance needs crash recovery.
        "terminationGracePeriodSeconds": _SHUTDOWN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(db, image)],
        "volumes": _volumes(name),
        **_placement(name, template),
    }
    return {"metadata": metadata, "spec": spec}


def _container(db: PostgreSQLDatabase, image: str) -> Manifest:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["keddah-patroni", f"/etc/patroni/{patroni.FILE}"],
        "env": _environment(db.metadata.name),
        "ports": [
            {"name": "postgresql", "containerPort": POSTGRESQL_PORT, "protocol": "TCP"},
            {"name": "patroni", "containerPort": PATRONI_PORT, "protocol": "TCP"},
        ],
        **probes(),
        "resources": _resources(db),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume, "mountPath": path} | ({"readOnly": True} if volume in _READ_ONLY else {})
            for volume, path in _MOUNTS
        ],
    }


def _environment(name: str) -> list[Manifest]:
    """Return what differs from pod to pod, and the passwords; PostgreSQL's environment has neither."""
    replication = names.replication_secret(name)
    address = "$(PATRONI_KUBERNETES_POD_IP)"
    return [
        _from_field("PATRONI_NAME", "metadata.name"),
        _from_field("PATRONI_KUBERNETES_NAMESPACE", "metadata.namespace"),
        _from_field("PATRONI_KUBERNETES_POD_IP", "status.podIP"),
        {"name": "PATRONI_POSTGRESQL_CONNECT_ADDRESS", "value": f"{address}:{POSTGRESQL_PORT}"},
        {"name": "PATRONI_RESTAPI_CONNECT_ADDRESS", "value": f"{address}:{PATRONI_PORT}"},
        _from_secret("PATRONI_SUPERUSER_PASSWORD", names.superuser_secret(name)),
        _from_secret("PATRONI_REPLICATION_PASSWORD", replication),
        _from_secret("PATRONI_REWIND_PASSWORD", replication),
        # Patroni's HTTP client announces urllib3's future at every start.
        {"name": "PYTHONWARNINGS", "value": "ignore::FutureWarning"},
    ]


def _from_field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _from_secret(name: str, secret: str) -> Manifest:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}


def _volumes(name: str) -> list[Manifest]:
    """Return all volumes but the claim; Secrets belong to the group, as PostgreSQL demands of its key."""
    mode = 0o440
    return [
        {"name": "config", "configMap": {"name": names.config(name), "defaultMode": mode}},
        {"name": "tls", "secret": {"secretName": names.tls_secret(name), "defaultMode": mode}},
        {"name": "app", "secret": {"secretName": names.app_secret(name), "defaultMode": mode}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "run", "emptyDir": {}},
        # The runtime's own /dev/shm has 64 MiB, which a parallel query can fill.
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]


def _resources(db: PostgreSQLDatabase) -> Manifest:
    if not isinstance(db.spec.resources, ResourceRequirements):
        return {}
    resources: Manifest = msgspec.to_builtins(db.spec.resources)
    return resources


def _placement(name: str, template: Template) -> Manifest:
    """Return the scheduling constraints: the user's, and a spread over nodes unless the user sets one."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels.instances(name)},
    }
    given: Manifest = msgspec.to_builtins(template)
    placement = {key: value for key, value in given.items() if key not in ("labels", "annotations")}
    return {"topologySpreadConstraints": [spread], **placement}


def _given(entries: dict[str, str] | Any) -> dict[str, str]:  # noqa: ANN401 - msgspec's unset
    return dict(entries) if isinstance(entries, dict) else {}
