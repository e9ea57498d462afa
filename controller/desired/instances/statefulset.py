"""The StatefulSet of instances."""

from __future__ import annotations

from controller.desired import labels, names
from controller.desired.child import NOT_PRUNED, child
from controller.kube.objects import Manifest
from schemas.api.types import PostgreSQLDatabase


def statefulset(
    db: PostgreSQLDatabase, template: Manifest, *, instances: int, claim_template: Manifest | None = None
) -> Manifest:
    """Return the StatefulSet; `claim_template` is the one it was created with, None before that.

    That one can never change, neither size nor labels: larger volumes are asked for claim by claim.
    Pods are created all at once, for Patroni elects whoever comes first, and replaced only by the controller
    (OnDelete), which knows the primary. Claims stay whatever happens: deletionPolicy is the controller's to
    carry out.
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
            "template": template,
            "volumeClaimTemplates": [_claim_template(db, claim_template)],
        }
    }
    return child(db, "apps/v1", "StatefulSet", names.statefulset(name), body=body)


def _claim_template(db: PostgreSQLDatabase, live: Manifest | None) -> Manifest:
    storage = db.spec.storage
    claim_size = live["spec"]["resources"]["requests"]["storage"] if live else None
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": claim_size or storage.size}},
    }
    if isinstance(storage.storage_class_name, str):
        spec["storageClassName"] = storage.storage_class_name
    made = live["metadata"] if live else {"labels": labels.kept(db.metadata.name), "annotations": NOT_PRUNED}
    metadata = {"name": names.CLAIM_TEMPLATE} | {k: made[k] for k in ("labels", "annotations") if k in made}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
