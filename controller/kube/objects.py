"""What objects of all kinds have: a name, a version of the cluster, a database they belong to, moments.

And how they are written for the API server (`document`).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from controller.kube.kinds import DATABASE, DATABASE_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

Manifest: TypeAlias = dict[str, Any]
"""An object as the API server writes it."""
_ESCAPED = re.compile("[^\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that YAML takes as escapes only (YAML 1.2, 5.1)."""


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


def document(manifest: Mapping[str, Any]) -> bytes:
    """Return JSON that is YAML too, as which the API server reads the body of a server-side apply.

    JSON alone may write an emoji as two surrogates, which YAML refuses.
    """
    text = json.dumps(manifest, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def entry_of(secret: Manifest | None, entry: str) -> str:
    """Return one entry of a Secret; "" when it is missing or unreadable."""
    encoded = ((secret or {}).get("data") or {}).get(entry, "")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
