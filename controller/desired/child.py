"""What all children have in common: name, labels, and the owner reference for garbage collection."""

from __future__ import annotations

from typing import Any, TypeAlias

from controller.desired import labels
from schemas.types import API_VERSION, KIND, PostgreSQLDatabase

Manifest: TypeAlias = dict[str, Any]


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
) -> Manifest:
    """Return a child that Kubernetes deletes together with the database, or that outlives it when `kept`.

    Passwords and Patroni's state must stay with the volumes.
    """
    metadata: Manifest = {
        "name": name,
        "namespace": db.metadata.namespace,
        "labels": labels.common(db.metadata.name) | (extra_labels or {}),
    }
    if annotations:
        metadata["annotations"] = annotations
    if not kept:
        metadata["ownerReferences"] = [owner_reference(db)]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


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
