"""The StatefulSet of instances."""

from __future__ import annotations

from controller.desired import labels, names
from controller.desired.child import Manifest, child
from controller.desired.pod import pod_template
from schemas.types import PostgreSQLDatabase


def statefulset(
    db: PostgreSQLDatabase, image: str, *, instances: int, claim_size: str | None = None
) -> Manifest:
    """Return the StatefulSet; `claim_size` is the size it was created with, None before that.

    A claim template can never change: larger volumes are asked for claim by claim. Pods are created all at
    once, for Patroni elects whoever comes first, and replaced only by the controller (OnDelete), which
    knows the primary. Claims stay whatever happens: deletionPolicy is the controller's to carry out.
    """
    name = db.metadata.name
    body: Manifest = {
        "spec": {
            "replicas": instances,
            "serviceName": names.pods_service(name),
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": 2,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "selector": {"matchLabels": labels.instances(name)},
            "template": pod_template(db, image),
            "volumeClaimTemplates": [_claim_template(db, claim_size)],
        }
    }
    return child(db, "apps/v1", "StatefulSet", names.statefulset(name), body=body)


def _claim_template(db: PostgreSQLDatabase, claim_size: str | None) -> Manifest:
    storage = db.spec.storage
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": claim_size or storage.size}},
    }
    if isinstance(storage.storage_class_name, str):
        spec["storageClassName"] = storage.storage_class_name
    metadata = {"name": names.CLAIM_TEMPLATE, "labels": labels.common(db.metadata.name)}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
