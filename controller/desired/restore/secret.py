"""The Secret with which a new database's instances read its source, for as long as they are restored."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from msgspec import UNSET

from controller.desired import names
from controller.desired.child import child
from controller.desired.repository.pod import encryption
from controller.desired.restore import COMPONENT
from controller.kube.objects import Manifest
from schemas.api.backup import Restore, S3Repository
from schemas.api.types import PostgreSQLDatabase


def copied(restore: Restore, source: PostgreSQLDatabase | None) -> dict[str, tuple[str, str]]:
    """Return which entries of which Secrets are copied, by their entry in NAME-source.

    `source` is the database that is restored from, None for a repository alone.
    """
    s3 = restore.from_.s3 if source is None else source.spec.backup.repository.s3
    found: dict[str, tuple[str, str]] = {}
    if isinstance(s3, S3Repository) and s3.credentials is not UNSET:
        found |= {entry: (s3.credentials.name, entry) for entry in ("accessKeyId", "secretAccessKey")}
    if isinstance(s3, S3Repository) and s3.ca_secret is not UNSET:
        found["authority.crt"] = (s3.ca_secret.name, s3.ca_secret.key)
    if (key := _key(restore, source)) is not None:
        found["encryption.key"] = key
    return found


def secret(db: PostgreSQLDatabase, data: Mapping[str, str]) -> Manifest:
    """Return the Secret with these entries, which are encoded already."""
    body: Manifest = {"type": "Opaque", "data": dict(sorted(data.items()))}
    return child(db, "v1", "Secret", names.source(db.metadata.name), body=body, component=COMPONENT)


def encoded(text: str) -> str:
    """Return a text as Secrets hold it."""
    return base64.b64encode(text.encode()).decode()


def _key(restore: Restore, source: PostgreSQLDatabase | None) -> tuple[str, str] | None:
    """Return the Secret that is named, else that of the database: an archive from before may have another."""
    declared = restore.from_.encryption
    if declared is not UNSET and declared.secret is not UNSET:
        return declared.secret.name, declared.secret.key
    return encryption(source) if source is not None else None
