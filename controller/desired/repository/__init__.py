"""What should exist for backups: the repository, and what pods need to reach it.

Nothing in this file imports the instances, whose pods need part of it.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from schemas.api.backup import S3Repository, VolumeRepository
from schemas.api.types import PostgreSQLDatabase

GENERATED_KEY: Final = "key"
"""Entry of the Secret NAME-encryption."""


def enabled(db: PostgreSQLDatabase) -> bool:
    """Whether the database is backed up: without a schedule there are neither backups nor archived WAL."""
    return db.spec.backup_schedule != ""


def bucket(db: PostgreSQLDatabase) -> S3Repository | None:
    """Return where in a bucket backups are kept; None when they are on a volume, or there are none."""
    s3 = db.spec.backup.repository.s3
    return s3 if enabled(db) and s3 is not UNSET else None


def volume(db: PostgreSQLDatabase) -> VolumeRepository | None:
    """Return the volume that backups are kept on; None when they are in a bucket, or there are none."""
    if not enabled(db) or bucket(db) is not None:
        return None
    given = db.spec.backup.repository.volume
    return VolumeRepository() if given is UNSET else given


def generates_key(db: PostgreSQLDatabase) -> bool:
    """Whether the repository is encrypted with a key that the user does not give."""
    encryption = db.spec.backup.repository.encryption
    return enabled(db) and encryption is not UNSET and encryption.secret is UNSET
