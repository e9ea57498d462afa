"""The database or the repository that a new database is restored from: values, and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controller.desired.repository import children
from controller.kube.objects import Manifest, annotations_of
from controller.observe.backups.record import Record
from controller.protocol.results import Contents
from schemas.api.types import PostgreSQLDatabase, decode

_NOTE, _HOLDS = "accepted.json", "keddah.dev/holds"
"""Of NAME-config (plan/acceptance, plan/holdings): the accepted spec, and what the volumes hold."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of it; a database that was deleted has left its ConfigMaps, Secrets and volumes."""

    name: str
    """"" for a repository alone."""
    exists: bool = False
    """Whether there is an object of that name."""
    db: PostgreSQLDatabase | None = None
    """With the spec that was accepted, and the object's status; None when nothing is left of it."""
    holds: Mapping[str, str] = field(default_factory=dict)
    """Its data's major version, database and owner."""
    settings: str = ""
    """What its own pods are told about its backups; "" if it has none."""
    contents: Contents | None = None
    """Of its archive, as the newest run found it; None while none has."""
    archive: str = ""
    """The archive that is asked for by name; "" for the one in use."""
    archives: tuple[str, ...] = ()
    """All archives of its repository that hold backups, as far as is remembered."""
    serves: bool = False
    """Whether the server of its volume runs."""
    claim: bool = False
    """Whether its repository's volume claim is there."""
    secrets: Mapping[str, Manifest] = field(default_factory=dict)
    """Its keys, and what its repository is opened with."""


def accepted(name: str, live: Manifest | None, configuration: Manifest | None) -> PostgreSQLDatabase | None:
    """Return a database as it was accepted, from what its NAME-config notes, else from the object itself."""
    note = _parsed(((configuration or {}).get("data") or {}).get(_NOTE))
    spec = note.get("spec") or (live or {}).get("spec")
    if not isinstance(spec, dict) or (live is None and configuration is None):
        return None
    metadata = (live or configuration or {}).get("metadata") or {}
    named = {"name": name, "namespace": metadata.get("namespace", ""), "uid": metadata.get("uid", "")}
    try:
        return decode({"metadata": named, "spec": spec, "status": (live or {}).get("status") or {}})
    except msgspec.ValidationError:
        return None


def outlived(name: str, settings: Manifest | None) -> PostgreSQLDatabase | None:
    """Return a database of which only the backups on a volume are left (backup.finalBackup)."""
    known = _parsed(children.told(settings))
    if settings is None or "host" not in (known.get("repository") or {}):
        return None
    repository: dict[str, Any] = {"encryption": {}} if known.get("encryption_key_file") else {}
    named = {"name": name, "namespace": settings["metadata"].get("namespace", "")}
    return decode({"metadata": named, "spec": {"backup": {"repository": repository}}})


def holds(configuration: Manifest | None) -> dict[str, str]:
    """Return what a database's volumes hold, as its NAME-config notes; nothing where that is not known."""
    noted = annotations_of(configuration).get(_HOLDS)
    return {field: str(value) for field, value in _parsed(noted).items()}


def told(settings: Manifest | None, record: Record, archive: str) -> str:
    """Return what pods are told of this archive; of the one in use, or last used, where none is named."""
    text = children.told(settings)
    known = _parsed(text)
    wanted = archive or known.get("archive") or record.archive
    return json.dumps({**known, "archive": wanted}) if known and wanted else text


def contents(record: Record, archive: str) -> Contents | None:
    """Return what is in this archive as far as is remembered; in the one in use where none is named."""
    held = (each for each in (record, *record.former) if archive in ("", each.archive))
    return next((each.contents for each in held), None)


def serves(statefulset: Manifest | None) -> bool:
    """Whether the only pod of this StatefulSet is there."""
    status = (statefulset or {}).get("status") or {}
    return bool(status.get("readyReplicas"))


def _parsed(text: object) -> dict[str, Any]:
    try:
        read = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
