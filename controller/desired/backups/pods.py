"""The pods of the Jobs, under Pod Security `restricted` and without a token."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from controller.desired import labels, names, repository
from controller.desired.repository import pod as shared
from controller.desired.security import container_security, pod_security
from controller.kube.objects import Manifest
from schemas.api.template import Template
from schemas.api.types import PostgreSQLDatabase

CONTAINER: Final = "backup"
SCRATCH_DIRECTORY: Final = "/var/lib/postgresql"
"""Where the scratch volume is mounted."""

_HOST: Final = "kubernetes.io/hostname"
_LOST_SECONDS: Final = 30
"""After which a pod is given up whose node is lost, and another comes: with five minutes, as usual, a backup
that is due waits as long."""
_OF_TEMPLATE: Final = frozenset({"imagePullSecrets", "nodeSelector", "priorityClassName", "tolerations"})
"""What of the user's template holds for these pods too: without it they may get no image, or no node."""

_BACKUP_RESOURCES: Final[Manifest] = {"requests": {"memory": "64Mi"}, "limits": {"memory": "1Gi"}}
_VERIFY_RESOURCES: Final[Manifest] = {
    "requests": {"memory": "256Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}
"""PostgreSQL gets 64 MB of shared buffers for it."""


def backup_pod(db: PostgreSQLDatabase, image: str, *options: str) -> Manifest:
    """Return the pod that makes a backup: with a volume repository, where that volume is."""
    spec = _pod(db, image, ["backup", *options], _BACKUP_RESOURCES)
    if repository.volume(db) is not None:
        beside = {
            "labelSelector": {"matchLabels": labels.repository(db.metadata.name)},
            "topologyKey": _HOST,
        }
        spec["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [beside]}}
        # The volume has a node, whatever nodes the instances may have.
        spec.pop("nodeSelector", None)
    return _with(spec, shared.volumes(db, "job"), shared.mounts(db, "job"))


def verify_pod(db: PostgreSQLDatabase, image: str, size: str) -> Manifest:
    """Return the pod that restores the newest backup to a scratch volume of that size, and looks at it.

    It reaches the repository as an instance that is restored does, and rather where none runs.
    """
    spec = _pod(db, image, ["verify", f"--scratch={SCRATCH_DIRECTORY}/scratch/data"], _VERIFY_RESOURCES)
    apart = {
        "weight": 100,
        "podAffinityTerm": {
            "labelSelector": {"matchLabels": labels.instances(db.metadata.name)},
            "topologyKey": _HOST,
        },
    }
    spec["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart]}}
    claim: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if db.spec.storage.storage_class_name is not UNSET:
        claim["storageClassName"] = db.spec.storage.storage_class_name
    scratch = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}
    return _with(
        spec,
        [*_reading(shared.volumes(db, "job")), scratch],
        [*_reading(shared.mounts(db, "job")), {"name": "scratch", "mountPath": SCRATCH_DIRECTORY}],
    )


def _reading(parts: list[Manifest]) -> list[Manifest]:
    """Return the volumes or mounts without the repository's own, which is read through its server."""
    return [part for part in parts if part["name"] != names.REPOSITORY_TEMPLATE]


def _pod(db: PostgreSQLDatabase, image: str, arguments: list[str], resources: Manifest) -> Manifest:
    container: Manifest = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["keddah-backup", *arguments],
        "resources": {**resources, "requests": {"cpu": shared.processor(db), **resources["requests"]}},
        "securityContext": container_security(),
        "terminationMessagePolicy": "File",
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": names.backup_account(db.metadata.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "containers": [container],
        **_placement(db),
    }


def _with(spec: Manifest, volumes: list[Manifest], mounts: list[Manifest]) -> Manifest:
    (container,) = spec["containers"]
    temporary = {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}
    container = {**container, "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}]}  # noqa: S108 - a volume of the pod's own
    return {**spec, "containers": [container], "volumes": [*volumes, temporary]}


def _placement(db: PostgreSQLDatabase) -> Manifest:
    template = db.spec.template if isinstance(db.spec.template, Template) else Template()
    given: Manifest = msgspec.to_builtins(template)
    placement = {key: value for key, value in given.items() if key in _OF_TEMPLATE}
    lost = [
        {"key": f"node.kubernetes.io/{how}", "operator": "Exists", "effect": "NoExecute"}
        | {"tolerationSeconds": _LOST_SECONDS}
        for how in ("not-ready", "unreachable")
    ]
    return {**placement, "tolerations": [*placement.get("tolerations", []), *lost]}
