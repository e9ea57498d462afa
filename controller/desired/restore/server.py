"""The server of the volume of a source that is deleted or hibernated, for as long as a restore takes."""

from __future__ import annotations

from typing import Final

from controller.desired import labels, names
from controller.desired.child import child
from controller.desired.families import families
from controller.desired.restore import COMPONENT
from controller.desired.restore.pod import projected
from controller.desired.restore.request import SERVER
from controller.kube.objects import Manifest
from controller.protocol.settings import PORT, RESTORE_DIRECTORY, RUN_DIRECTORY, VolumeRepository
from schemas.api.types import PostgreSQLDatabase

CONTAINER: Final = "repository"

_USER: Final = 999
_SHUTDOWN_SECONDS: Final = 5


def server(db: PostgreSQLDatabase, image: str, claim: str) -> tuple[Manifest, Manifest]:
    """Return the Service and the StatefulSet that serve the volume of this claim, which is only read.

    The volume is mounted read-only, so nothing can be archived there, nor expire.
    """
    name = db.metadata.name
    selected = pods(name)
    service: Manifest = {
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": selected,
            "ports": [{"name": "backup", "port": PORT, "protocol": "TCP", "targetPort": "backup"}],
            **families(db),
        }
    }
    stateful: Manifest = {
        "spec": {
            "replicas": 1,
            "serviceName": names.source(name),
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": selected},
            "template": _template(db, image, claim),
        }
    }
    return (
        child(db, "v1", "Service", names.source(name), body=service, component=COMPONENT),
        child(db, "apps/v1", "StatefulSet", names.source(name), body=stateful, component=COMPONENT),
    )


def pods(name: str) -> labels.Labels:
    """Return the selector of the server's pod."""
    return {labels.DATABASE: name, labels.COMPONENT: COMPONENT}


def network_policy(db: PostgreSQLDatabase, repository: labels.Labels) -> Manifest:
    """Return what lets this database's instances reach the repository's pod that these labels select.

    Policies only add: this one changes nothing about who else may.
    """
    instances = {"matchLabels": labels.instances(db.metadata.name)}
    body: Manifest = {
        "spec": {
            "podSelector": {"matchLabels": repository},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}], "from": [{"podSelector": instances}]}],
        }
    }
    name = names.source(db.metadata.name)
    return child(db, "networking.k8s.io/v1", "NetworkPolicy", name, body=body, component=COMPONENT)


def _template(db: PostgreSQLDatabase, image: str, claim: str) -> Manifest:
    name = db.metadata.name
    volumes: list[Manifest] = [
        projected(name, "settings", SERVER, SERVER),
        {"name": "repository", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
    ]
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _SHUTDOWN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(image)],
        "volumes": volumes,
    }
    return {"metadata": {"labels": labels.common(name, COMPONENT)}, "spec": spec}


def _container(image: str) -> Manifest:
    mounts = (
        ("settings", RESTORE_DIRECTORY, True),
        ("repository", VolumeRepository.path, True),
        ("run", RUN_DIRECTORY, False),
        ("tmp", "/tmp", False),  # noqa: S108 - a volume of the pod's own
    )
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "keddah-backup",
            f"--settings={RESTORE_DIRECTORY}/{SERVER}",
            "serve",
            "--place=repository",
        ],
        "ports": [{"name": "backup", "containerPort": PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume, "mountPath": path, **({"readOnly": True} if fixed else {})}
            for volume, path, fixed in mounts
        ],
    }
