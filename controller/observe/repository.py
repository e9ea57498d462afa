"""What the user's Secrets lack that the repository needs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final

from controller.desired.repository.pod import UsersSecret
from controller.kube.objects import Manifest

CONDITION: Final = "ArchivingWAL"
"""The condition that tells whether the repository takes WAL."""


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
