"""What should exist while a database is restored from another's backups, and goes when that is done."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from schemas.api.types import PostgreSQLDatabase

COMPONENT: Final = "restore"
"""The component of what gives a new database its first data."""


def requested(db: PostgreSQLDatabase) -> bool:
    """Whether the database starts from another's backups."""
    return db.spec.restore is not UNSET
