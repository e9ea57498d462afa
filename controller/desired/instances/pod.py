"""The pod of one instance: Patroni and PostgreSQL in one container, under Pod Security `restricted`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from controller.desired import labels, names
from controller.desired.child import account_annotations
from controller.desired.instances import exporter, patroni, users
from controller.desired.instances.parameters import TLS_DIRECTORY, starting
from controller.desired.instances.services import PATRONI_PORT, POSTGRESQL_PORT
from controller.desired.repository import enabled
from controller.desired.repository import pod as backup
from controller.desired.restore import pod as restore
from controller.desired.security import container_security, pod_security
from controller.kube.objects import Manifest
from controller.protocol.member import CONTAINER
from schemas.api.fields import ResourceRequirements
from schemas.api.template import Template
from schemas.api.types import PostgreSQLDatabase
from schemas.rules import sizing

CONFIGURATION_HASH = "keddah.dev/patroni-file"
IMAGE = "keddah.dev/image"
"""Annotation: the image that was asked for, whatever a webhook makes of it in the pod."""

ISSUED = "keddah.dev/issued-certificate"
"""Annotation of pods that have the files of an issuer's certificate, and verify by its CA too."""

IDENTITY = "keddah.dev/identity"
"""Annotation: a digest of the annotations of the pod's account, if it has any."""

STARTING = "keddah.dev/starts-with"
"""Annotation: derived parameters that only a start can change, in JSON; absent without any."""

_DISK = "ephemeral-storage"
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

_OF_POD = frozenset(
    {"affinity", "imagePullSecrets", "nodeSelector", "priorityClassName", "tolerations"}
    | {"topologySpreadConstraints"}
)
"""What of the user's template is said of the pod as a whole, in the same words."""

MOST_BEHIND_MIB = 64
"""How many MiB of WAL a standby may be behind before the condition `Replicated` tells."""
_ANY_LAG = "8388607TB"
"""More than there can be: without the parameter Patroni compares with `maximum_lag_on_failover`."""

_DAY = 86400


def pod_template(db: PostgreSQLDatabase, image: str) -> Manifest:
    """Return the pod template; it changes only with settings that need a restart of the pod.

    Passwords, certificates and the dynamic configuration are not in it: their change restarts nothing. The
    user's labels and annotations come first, so that none replaces keddah's.
    """
    template = db.spec.template if isinstance(db.spec.template, Template) else Template()
    name = db.metadata.name
    metadata: Manifest = {
        "labels": _given(template.labels) | labels.common(name) | labels.patroni(name),
        "annotations": _given(template.annotations)
        | {
            CONFIGURATION_HASH: patroni.digest(patroni.static(db)),
            IMAGE: image,
            "kubectl.kubernetes.io/default-container": CONTAINER,
        }
        | ({ISSUED: "true"} if patroni.has_issuer(db) else {})
        | _identity(db)
        | _starting(db),
    }
    spec: Manifest = {
        "serviceAccountName": names.patroni_account(name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        # Time for the shutdown checkpoint; without it the instance needs crash recovery.
        "terminationGracePeriodSeconds": _SHUTDOWN_SECONDS,
        "securityContext": pod_security(),
        "containers": [
            _container(db, image, template),
            *([backup.sidecar(db, image)] if enabled(db) else []),
            *([exporter.container(db, image)] if exporter.enabled(db) else []),
        ],
        "volumes": [
            *_volumes(db),
            *(backup.volumes(db, "member") if enabled(db) else []),
            *(exporter.volumes(db) if exporter.enabled(db) else []),
            *users.volumes(template),
            *([users.no_token()] if template.sidecars or exporter.enabled(db) else []),
        ],
        **users.sidecars(template),
        **_placement(name, template),
    }
    return {"metadata": metadata, "spec": spec}


def _identity(db: PostgreSQLDatabase) -> dict[str, str]:
    """Replace pods when their account's annotations change: a cloud gives only new pods an identity."""
    given = account_annotations(db)
    return {IDENTITY: hashlib.sha256(json.dumps(given).encode()).hexdigest()[:16]} if given else {}


def _starting(db: PostgreSQLDatabase) -> dict[str, str]:
    found = starting(db)
    return {STARTING: json.dumps(found)} if found else {}


def starts(template: Manifest) -> dict[str, str]:
    """Return the derived parameters that only a start can change, as a template has them.

    They are of the template's edition: a release that derives others restarts no server before its turn.
    """
    text = ((template.get("metadata") or {}).get("annotations") or {}).get(STARTING)
    found: dict[str, str] = json.loads(text) if text else {}
    return found


def _container(db: PostgreSQLDatabase, image: str, template: Template) -> Manifest:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["keddah-patroni", f"/etc/patroni/{patroni.FILE}"],
        # The user's come first: `$(NAME)` means what was set before, so none of them can hold a password.
        "env": [*users.environment(template), *_environment(db.metadata.name)],
        "ports": [
            {"name": "postgresql", "containerPort": POSTGRESQL_PORT, "protocol": "TCP"},
            {"name": "patroni", "containerPort": PATRONI_PORT, "protocol": "TCP"},
        ],
        **_probes(),
        "resources": _resources(db),
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": volume, "mountPath": path} | ({"readOnly": True} if volume in _READ_ONLY else {})
            for volume, path in _MOUNTS
        ]
        + restore.mounts(db)
        # The archive command runs here.
        + (backup.shared_mounts() if enabled(db) else [])
        + ([exporter.words_mount()] if exporter.enabled(db) else [])
        + users.mounts(template),
    }


def _probes() -> Manifest:
    """Return the three probes; Patroni answers them over TLS, without client certificate.

    The startup probe asks for readiness every second, so that a new instance becomes ready within a second.
    It allows a day: the kubelet must not restart a clone of terabytes. A standby counts as ready while it
    streams, however far behind: under a bulk load its answers may be old, but a Service without any standby
    is worse, and how much it lacks of what nobody acknowledged says nothing about its fitness. The liveness
    probe checks that Patroni's loop runs, as it does without the API server too. It tolerates a minute
    without an answer, because restarting the container restarts PostgreSQL.
    """
    readiness = _ask(f"/readiness?mode=write&lag={_ANY_LAG}")
    return {
        "startupProbe": {**readiness, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": _DAY},
        "readinessProbe": {**readiness, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {
            **_ask("/liveness"),
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
    }


def _ask(path: str) -> Manifest:
    return {"httpGet": {"path": path, "port": "patroni", "scheme": "HTTPS"}}


def _environment(name: str) -> list[Manifest]:
    """Return what differs from pod to pod, and the passwords; PostgreSQL's environment has neither."""
    replication = names.replication_secret(name)
    # Without brackets for IPv6, too: Patroni takes what is behind the last colon for the port (4.1, utils.py,
    # split_host_port), and writes the brackets itself wherever it makes a URL of it (uri).
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


def _volumes(db: PostgreSQLDatabase) -> list[Manifest]:
    """Return all volumes but the claim; Secrets belong to the group, as PostgreSQL demands of its key.

    Those on the node's disk are bounded, so that no pod fills it: the kubelet evicts the one that does, not
    its neighbours.
    """
    mode, name = 0o440, db.metadata.name
    shared = sizing.shared_memory(db.spec.resources)
    return [
        {"name": "config", "configMap": {"name": names.config(name), "defaultMode": mode}},
        {"name": "tls", "secret": {"secretName": names.tls_secret(name), "defaultMode": mode}},
        {"name": "app", "secret": {"secretName": names.app_secret(name), "defaultMode": mode}},
        # A few KiB of Patroni's; the rest is for those who work in the pod by hand.
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        # A socket and its lock.
        {"name": "run", "emptyDir": {"sizeLimit": "16Mi"}},
        # The runtime's own /dev/shm has 64 MiB, which a parallel query can fill. Here the limit is the file
        # system's size: a query that needs more fails by itself, where the kernel would kill the server.
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{shared}Mi"}},
        *restore.volumes(db),
    ]


def _resources(db: PostgreSQLDatabase) -> Manifest:
    """Return the container's resources: the user's, and what it usually has of the node's disk.

    Under disk pressure the kubelet first evicts those who use more than they requested.
    """
    given = isinstance(db.spec.resources, ResourceRequirements)
    resources: Manifest = msgspec.to_builtins(db.spec.resources) if given else {}
    if any(_DISK in amounts for amounts in resources.values()):
        return resources
    return {**resources, "requests": {**resources.get("requests", {}), _DISK: f"{sizing.NODE_DISK}Mi"}}


def _placement(name: str, template: Template) -> Manifest:
    """Return the scheduling constraints: the user's, and a spread over nodes unless the user sets one."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels.instances(name)},
    }
    given: Manifest = msgspec.to_builtins(template)
    placement = {key: value for key, value in given.items() if key in _OF_POD}
    return {"topologySpreadConstraints": [spread], **placement}


def _given(entries: dict[str, str] | Any) -> dict[str, str]:  # noqa: ANN401 - msgspec's unset
    return dict(entries) if isinstance(entries, dict) else {}
