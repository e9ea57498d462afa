"""Which parts of a manifest are not stored, and which changes do not trigger a reconcile."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from controller.kube.kinds import DATABASE, EMPTYING, NODE
from controller.kube.objects import Manifest
from controller.protocol.exporter import QUERIES_ARGUMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_UNREAD_METADATA = frozenset({"managedFields", "selfLink", "generateName"})
# Pods are created by the StatefulSet and never compared with a desired manifest: only node and image matter.
_READ_OF_POD = frozenset({"nodeName", "shareProcessNamespace", "containers", "imagePullSecrets"})
_CONTAINERS = ("containers", "initContainers")
_READ_OF_CONTAINER = frozenset({"name", "image", "resources", "restartPolicy"})

# Of the database, we write the status ourselves, and any change of spec changes metadata.generation.
_DATABASE_METADATA = ("generation", "deletionTimestamp", "labels", "annotations", "finalizers")
# Patroni renews its lock, and updates its WAL position, every few seconds.
_RENEWED = frozenset({"renewTime", "optime", "acquireTime", "ttl", "slots", "retain_slots"})
_POSITIONS = frozenset({"xlog_location", "receive_lsn", "replay_lsn", "latest_end_lsn", "slots"})
_STATUS_LEFT_OUT = frozenset({"CronJob", "PodDisruptionBudget", "Service", "NetworkPolicy"})


def trim(kind: str, manifest: Mapping[str, Any]) -> Manifest:
    """Return the part of a manifest that the cache keeps."""
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in _UNREAD_METADATA}
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    trimmed = {**manifest, "metadata": metadata}
    if kind == NODE:
        return {**trimmed, "metadata": _node_metadata(metadata), **_node_facts(manifest)}
    if kind == "Pod":
        trimmed["spec"] = _pod_spec(manifest.get("spec") or {})
    if kind == "Job":
        # It never changes once it is made; only how it goes matters.
        trimmed["spec"] = {}
    return trimmed


def digest(kind: str, manifest: Mapping[str, Any]) -> bytes:
    """Return a digest of the parts whose change triggers a reconcile."""
    encoded = msgspec.json.encode(_essence(kind, manifest), order="deterministic")
    return hashlib.blake2b(encoded, digest_size=16).digest()


def _node_metadata(metadata: Manifest) -> Manifest:
    return {k: v for k, v in metadata.items() if k in ("name", "uid", "resourceVersion")}


def _node_facts(manifest: Mapping[str, Any]) -> Manifest:
    """Return the two facts about a node that we use; its list of images alone would be 50 kB."""
    conditions = (manifest.get("status") or {}).get("conditions") or []
    ready = [{"type": c["type"], "status": c["status"]} for c in conditions if c["type"] == "Ready"]
    spec = manifest.get("spec") or {}
    unschedulable = spec.get("unschedulable") is True
    taints = [{"key": t["key"]} for t in spec.get("taints") or [] if t["key"] in EMPTYING]
    return {"spec": {"unschedulable": unschedulable, "taints": taints}, "status": {"conditions": ready}}


def _pod_spec(spec: Mapping[str, Any]) -> Manifest:
    kept = {k: v for k, v in spec.items() if k in _READ_OF_POD}
    for part in _CONTAINERS:
        if part in spec:
            kept[part] = [_container(container) for container in spec[part] or []]
    return kept


def _container(container: Mapping[str, Any]) -> Manifest:
    kept = {k: v for k, v in container.items() if k in _READ_OF_CONTAINER}
    queries = [each for each in container.get("args") or [] if each.startswith(QUERIES_ARGUMENT)]
    return {**kept, "args": queries} if queries else kept


def _essence(kind: str, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = manifest["metadata"]
    if kind == DATABASE:
        return {name: metadata.get(name) for name in _DATABASE_METADATA}
    quiet = {k: v for k, v in metadata.items() if k != "resourceVersion"}
    if kind in ("ConfigMap", "Pod"):
        quiet["annotations"] = _quiet_annotations(kind, metadata.get("annotations") or {})
    body = {k: v for k, v in manifest.items() if not (k == "status" and kind in _STATUS_LEFT_OUT)}
    return {**body, "metadata": quiet}


def _quiet_annotations(kind: str, annotations: Mapping[str, str]) -> Mapping[str, Any]:
    if kind == "ConfigMap":
        return {k: v for k, v in annotations.items() if k not in _RENEWED}
    return {k: _member(v) if k == "status" else v for k, v in annotations.items()}


def _member(text: str) -> Any:  # noqa: ANN401 - what Patroni wrote, of whatever shape
    try:
        member = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    if not isinstance(member, dict):
        return member
    return {k: v for k, v in member.items() if k not in _POSITIONS}
