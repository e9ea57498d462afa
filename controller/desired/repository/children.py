"""What there is of a repository: settings and account for all who back up, and the server of a volume."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from controller.desired import labels, names
from controller.desired.child import NOT_PRUNED, account_annotations, child
from controller.desired.families import families
from controller.desired.repository.pod import SETTINGS, placement, server_container, volumes
from controller.desired.security import pod_security
from controller.kube.objects import Manifest, annotations_of
from controller.protocol.settings import PORT, PROBE_COMMAND, Settings
from schemas.api.backup import VolumeRepository
from schemas.api.types import PostgreSQLDatabase

CONTAINER: Final = "repository"
LINEAGE: Final = "keddah.dev/lineage"
"""Annotation of NAME-backup: what of the archive's name follows from NAME-keys, which is not always read."""

MARK: Final = "keddah.dev/template"
"""Annotation of the server's StatefulSet: changes when a release makes another template of the same spec."""

_PORT: Final = {"name": "backup", "port": PORT, "targetPort": "backup", "protocol": "TCP"}


def configuration(db: PostgreSQLDatabase, settings: Settings, annotations: dict[str, str]) -> Manifest:
    """Return the ConfigMap that every pod with backups mounts; it stays when the database is deleted."""
    return child(
        db,
        "v1",
        "ConfigMap",
        names.backup_settings(db.metadata.name),
        body={"data": {SETTINGS: settings.text()}},
        annotations=annotations,
        component=labels.BACKUP,
        kept=True,
    )


def told(live: Manifest | None) -> str:
    """Return the settings that this ConfigMap tells pods, as text; "" for none."""
    return str(((live or {}).get("data") or {}).get(SETTINGS, ""))


def has_lineage(settings: Manifest | None) -> bool:
    """Whether this ConfigMap says what an archive's name needs, so that the keys need not be read."""
    return LINEAGE in annotations_of(settings)


def account(db: PostgreSQLDatabase) -> Manifest:
    """Return the ServiceAccount of the repository and of the Jobs: it has no rights, and no token mounted."""
    name = names.backup_account(db.metadata.name)
    return child(
        db,
        "v1",
        "ServiceAccount",
        name,
        body={"automountServiceAccountToken": False},
        annotations=account_annotations(db),
        component=labels.BACKUP,
    )


def service(db: PostgreSQLDatabase) -> Manifest:
    """Return the Service that gives the repository's server its host name."""
    name = db.metadata.name
    spec: Manifest = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": labels.repository(name),
        "ports": [_PORT],
        **families(db),
    }
    return child(
        db, "v1", "Service", names.repository(name), body={"spec": spec}, component=labels.REPOSITORY
    )


def network_policy(db: PostgreSQLDatabase) -> Manifest:
    """Return the NetworkPolicy: only this database's instances, and its Jobs, reach the repository."""
    name = db.metadata.name
    peers = [{"podSelector": {"matchLabels": each}} for each in (labels.instances(name), labels.backup(name))]
    spec: Manifest = {
        "podSelector": {"matchLabels": labels.repository(name)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}], "from": peers}],
    }
    kind = "networking.k8s.io/v1", "NetworkPolicy"
    return child(db, *kind, names.repository(name), body={"spec": spec}, component=labels.REPOSITORY)


def statefulset(
    db: PostgreSQLDatabase,
    volume: VolumeRepository,
    image: str,
    *,
    running: bool,
    claim_template: Manifest | None = None,
    kept: Manifest | None = None,
) -> Manifest:
    """Return the StatefulSet of the server; `claim_template` is the one it was created with.

    `kept` is the live one, where its pod template stays as an earlier release made it.
    `Parallel` replaces a pod that does not become ready by one of a newer template, which the usual order
    would wait for.
    """
    name = db.metadata.name
    marked = annotations_of(kept).get(MARK) if kept else mark(db)
    spec: Manifest = {
        "replicas": int(running),
        "serviceName": names.repository(name),
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate"},
        "revisionHistoryLimit": 2,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": labels.repository(name)},
        "template": kept["spec"]["template"] if kept else pod_template(db, image),
        "volumeClaimTemplates": [claim_template or _claim_template(name, volume)],
    }
    return child(
        db,
        "apps/v1",
        "StatefulSet",
        names.repository(name),
        body={"spec": spec},
        annotations={MARK: marked} if marked else None,
        component=labels.REPOSITORY,
    )


def mark(db: PostgreSQLDatabase) -> str:
    """Return a digest of the server's pod template, whatever its image."""
    text = json.dumps(pod_template(db, ""), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pod_template(db: PostgreSQLDatabase, image: str) -> Manifest:
    """Return the pod template of the server."""
    name = db.metadata.name
    return {
        "metadata": {"labels": labels.common(name, labels.REPOSITORY)},
        "spec": {
            "serviceAccountName": names.backup_account(name),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": pod_security(),
            "containers": [server_container(db, CONTAINER, image, "repository") | _readiness()],
            "volumes": volumes(db, "repository"),
            **placement(db),
        },
    }


def _readiness() -> Manifest:
    """Return the probe for people to see; nobody's traffic depends on it.

    Over TLS, for the server would log every connection that ends before.
    """
    return {
        "readinessProbe": {
            "exec": {"command": [PROBE_COMMAND]},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        }
    }


def _claim_template(name: str, volume: VolumeRepository) -> Manifest:
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": volume.size}},
    }
    if isinstance(volume.storage_class_name, str):
        spec["storageClassName"] = volume.storage_class_name
    metadata = {
        "name": names.REPOSITORY_TEMPLATE,
        "labels": labels.kept(name, labels.REPOSITORY),
        "annotations": NOT_PRUNED,
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
