"""Up to when a database can be restored, as far as its status tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from controller.observe.repository import CONDITION
from controller.protocol.member import moment
from schemas.api.backup import Backups
from schemas.api.types import PostgreSQLDatabase

_TOLD_WITHIN: Final = timedelta(seconds=150)
"""WAL is complete a minute after it was written, and that it was not archived is told a minute later."""


def newest(db: PostgreSQLDatabase, now: datetime | None) -> datetime | None:
    """Return the newest moment that is known to be restorable; None where nothing is known.

    A database that nobody writes to archives nothing: while all of its WAL is archived, it can also be
    restored to any later moment, at which it was the same.
    """
    backups = db.status.backups
    if not isinstance(backups, Backups):
        return None
    archived = moment(backups.newest_restorable_time)
    if archived is None or now is None or not _archives(db):
        return archived
    return max(archived, now - _TOLD_WITHIN)


def _archives(db: PostgreSQLDatabase) -> bool:
    told = db.status.condition(CONDITION)
    return told is not None and told.status == "True"
