"""AdmissionReviews as a real API server sends them."""

from __future__ import annotations

from typing import Any

from schemas.api.types import GROUP, KIND, PLURAL, VERSION

Object = dict[str, Any]

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
SCALE_KIND = {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def review(operation: str, new: Object | None, old: Object | None, **changes: Any) -> Object:  # noqa: ANN401
    """Give a review; keywords replace fields of its request."""
    subject = new or old or {}
    kind = {"group": GROUP, "version": VERSION, "kind": KIND}
    resource = {"group": GROUP, "version": VERSION, "resource": PLURAL}
    request = {
        "uid": UID,
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": subject.get("metadata", {}).get("name", ""),
        "namespace": subject.get("metadata", {}).get("namespace", ""),
        "operation": operation,
        "userInfo": {
            "username": "alice",
            "uid": "014fbff9a07c",
            "groups": ["system:authenticated", "developers"],
            "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=0f5c"]},
        },
        "object": new,
        "oldObject": old,
        "dryRun": False,
        "options": {
            "kind": "CreateOptions",
            "apiVersion": "meta.k8s.io/v1",
            "fieldManager": "kubectl-client-side-apply",
            "fieldValidation": "Strict",
        },
    }
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {**request, **changes},
    }


def creation(new: Object, **changes: Any) -> Object:  # noqa: ANN401
    """Give the review of a new object."""
    return review("CREATE", new, None, **changes)


def update(new: Object, old: Object, **changes: Any) -> Object:  # noqa: ANN401
    """Give the review of a change."""
    return review("UPDATE", new, old, **changes)


def deletion(old: Object, **changes: Any) -> Object:  # noqa: ANN401
    """Give the review of a deletion."""
    return review("DELETE", None, old, **changes)


def scaling(name: str, wanted: int, before: int, **changes: Any) -> Object:  # noqa: ANN401
    """Give the review of `kubectl scale`; like Go's encoder, a zero is left out."""
    scales = [
        {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {"name": name, "namespace": "shop", "uid": f"uid-of-{name}"},
            "spec": {"replicas": replicas} if replicas else {},
            "status": {"replicas": before, "selector": f"keddah.dev/database={name}"},
        }
        for replicas in (wanted, before)
    ]
    return review(
        "UPDATE", *scales, kind=SCALE_KIND, subResource="scale", requestSubResource="scale", **changes
    )


def applied(manifest: Object) -> Object:
    """Add what the API server itself adds to an object before it asks a webhook about its creation."""
    fields: Object = {f"f:{name}": {} for name in manifest.get("spec", {})}
    manager = {
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "apiVersion": manifest["apiVersion"],
        "time": "2026-11-23T08:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": {".": {}}}, "f:spec": {".": {}, **fields}},
    }
    metadata = {
        **manifest["metadata"],
        "creationTimestamp": "2026-11-23T08:00:00Z",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": f"{manifest['spec']}\n"},
        "managedFields": [manager],
    }
    return {**manifest, "metadata": metadata}
