"""What all children have in common: name, labels, and the owner reference for garbage collection."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from controller.desired import labels
from controller.kube.objects import Manifest
from schemas.api.types import API_VERSION, KIND, PostgreSQLDatabase

NOT_PRUNED: Final = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
"""Annotations by which Argo CD and Flux leave alone what no file of theirs declares."""


def child(
    db: PostgreSQLDatabase,
    api_version: str,
    kind: str,
    name: str,
    *,
    body: Manifest,
    annotations: dict[str, str] | None = None,
    extra_labels: dict[str, str] | None = None,
    kept: bool = False,
    component: str = labels.INSTANCE,
) -> Manifest:
    """Return a child that Kubernetes deletes together with the database, or that outlives it when `kept`.

    `component` is what it is a part of. Passwords and Patroni's state must stay with the volumes.
    """
    common = labels.kept if kept else labels.common
    metadata: Manifest = {
        "name": name,
        "namespace": db.metadata.namespace,
        "labels": common(db.metadata.name, component) | (extra_labels or {}),
    }
    if annotations or kept:
        metadata["annotations"] = (annotations or {}) | (NOT_PRUNED if kept else {})
    if not kept:
        metadata["ownerReferences"] = [owner_reference(db)]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def account_annotations(db: PostgreSQLDatabase) -> dict[str, str]:
    """Return what the user adds to the accounts of pods: clouds give pods an identity by it."""
    account = db.spec.template.service_account if db.spec.template else UNSET
    return dict(sorted((account.annotations or {}).items())) if account else {}


def owner_reference(db: PostgreSQLDatabase) -> Manifest:
    """Return the reference that makes the database the controlling owner."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": db.metadata.name,
        "uid": db.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_reference(manifest: Manifest) -> Manifest | None:
    """Return the reference to the object that controls this one; None if none does."""
    owners = manifest["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)
