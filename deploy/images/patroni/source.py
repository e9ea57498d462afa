"""The primary, as Patroni reaches it for a copy."""

from __future__ import annotations

import logging
from typing import Any

from patroni import psycopg
from patroni.postgresql.connection import get_connection_cursor

from .copying import SIZE

logger = logging.getLogger(__name__)


class PatroniSource:
    """The member that Patroni would copy."""

    def __init__(self, patroni: Any, member: Any) -> None:  # noqa: ANN401 - Patroni is not typed here
        self._postgresql = patroni.postgresql
        self._rewind = patroni.ha._rewind  # noqa: SLF001 - it knows how to reach a primary
        self._member = member

    def size(self) -> int | None:
        """Return how many bytes its databases have; None if it does not answer."""
        if self._member is None:
            return None
        settings = self._rewind._conn_kwargs(self._member, self._postgresql.config.rewind_credentials)  # noqa: SLF001
        try:
            with get_connection_cursor(**settings) as cursor:
                cursor.execute(SIZE)
                found = cursor.fetchone()
        except (psycopg.Error, OSError):
            logger.exception("Could not ask the primary for its size")
            return None
        return int(found[0]) if found and found[0] is not None else None

    def delivers(self) -> bool:
        """Have it read all of its data, and verify the checksums; nothing is sent (pg_basebackup, target)."""
        config = self._postgresql.config
        settings = self._member.conn_kwargs(config.replication)
        environment = config.write_pgpass(settings)
        address = config.format_dsn({**settings, "password": None})
        program = self._postgresql.pgcommand("pg_basebackup")
        command = [
            program,
            "--target=blackhole",
            "--wal-method=none",
            "--checkpoint=fast",
            f"--dbname={address}",
        ]
        return bool(self._postgresql.cancellable.call(command, env=environment) == 0)
