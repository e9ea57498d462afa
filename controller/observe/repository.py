"""Which objects are the repository's: their names are deterministic; and what the user's Secrets lack."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final

from controller.desired import names
from controller.desired.child import controller_reference
from controller.desired.repository.pod import UsersSecret
from controller.kube.objects import Manifest

CONDITION: Final = "ArchivingWAL"
"""The condition that tells whether the repository takes WAL."""


def part(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is the repository's server, its pod or volume claim, or the settings of backups."""
    name = manifest["metadata"]["name"]
    match kind:
        case "Pod":
            owner = controller_reference(manifest)
            made = owner is None or (owner["kind"], owner["name"]) == (
                "StatefulSet",
                names.repository(database),
            )
            return bool(made and name == names.repository_pod(database))
        case "PersistentVolumeClaim":
            return bool(name == names.repository_claim(database))
        case "ConfigMap":
            return bool(name == names.backup_settings(database))
        case "StatefulSet":
            return bool(name == names.repository(database))
        case _:
            return False


def lacking(wanted: Iterable[UsersSecret], found: Mapping[str, Manifest], namespace: str) -> tuple[str, ...]:
    """Return what these Secrets lack, and what would be right; nothing of what is in them."""
    told = (_lacks(each, found.get(each.name), f"{namespace}/{each.name}") for each in wanted)
    return tuple(filter(None, told))


def _lacks(wanted: UsersSecret, live: Manifest | None, where: str) -> str:
    named, entries = f"Secret {where}, which {wanted.field} names,", " and ".join(wanted.entries)
    if live is None:
        return f"{named} does not exist: create it with {entries}"
    data = live.get("data") or {}
    missing = [entry for entry in wanted.entries if not _filled(data.get(entry))]
    if not missing:
        return ""
    held = ", ".join(sorted(entry for entry in data if _filled(data[entry]))) or "nothing"
    return f"{named} needs {entries}: {' and '.join(missing)} is missing or empty (it has: {held})"


def _filled(encoded: object) -> bool:
    try:
        return bool(base64.b64decode(str(encoded or ""), validate=True).strip())
    except binascii.Error:
        return False
