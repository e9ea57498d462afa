"""What objects of all kinds have: a name, a version of the cluster, a database they belong to, moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from controller.kube.kinds import DATABASE, DATABASE_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

Manifest: TypeAlias = dict[str, Any]
"""An object as the API server writes it."""


class Key(NamedTuple):
    """Names one database."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Identity(NamedTuple):
    """Names one object of a kind; the namespace is empty for those of the cluster."""

    namespace: str
    name: str


def identity_of(manifest: Mapping[str, Any]) -> Identity:
    """Return namespace and name of an object."""
    return Identity(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])


def version_of(manifest: Mapping[str, Any]) -> int:
    """Return the version of the cluster at which a manifest was true."""
    return int(manifest["metadata"].get("resourceVersion") or 0)


def key_of(kind: str, manifest: Mapping[str, Any]) -> Key | None:
    """Name the database that a manifest is, or belongs to by its label."""
    namespace, name = identity_of(manifest)
    if kind != DATABASE:
        name = (manifest["metadata"].get("labels") or {}).get(DATABASE_LABEL, "")
    return Key(namespace, name) if namespace and name else None


def annotations_of(manifest: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the annotations of an object; {} where there is none."""
    found: dict[str, str] = ((manifest or {}).get("metadata") or {}).get("annotations") or {}
    return found


def condition_of(status: Mapping[str, Any], kind: str) -> Manifest:
    """Return the condition of a type; {} where the status has none."""
    conditions = status.get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), {})


def micro_time(moment: datetime) -> str:
    """Write a moment as Kubernetes' MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
