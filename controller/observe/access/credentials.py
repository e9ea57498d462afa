"""What the controller connects with, and verifies servers by: from the database's Secrets; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.certificates.keys import DatabaseKeys
from controller.desired import names
from controller.kube.objects import Manifest, entry_of
from schemas.api.types import PostgreSQLDatabase


@dataclass(frozen=True, slots=True)
class Credentials:
    """The database's keys, and the CAs (PEM) of what its servers show: an issuer's too (tls.issuerRef)."""

    keys: DatabaseKeys
    trusted: str


def needed(db: PostgreSQLDatabase) -> tuple[str, ...]:
    """Name the Secrets that they are in."""
    return names.keys_secret(db.metadata.name), names.tls_secret(db.metadata.name)


def credentials(db: PostgreSQLDatabase, secrets: Mapping[str, Manifest]) -> Credentials | None:
    """Read them; None when the Secret with the keys is missing or damaged."""
    stored, tls = (secrets.get(name) for name in needed(db))
    try:
        keys = DatabaseKeys.decode((stored or {}).get("data") or {})
    except (KeyError, ValueError):
        return None
    return Credentials(keys, entry_of(tls, "server-ca.crt") + keys.trusted)
