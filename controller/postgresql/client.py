"""A client for the primaries of databases: as a role of its own, by a certificate of the database's own CA.

No password opens that role (desired/instances/patroni.py, host_based_authentication), and the certificate is
made for one connection. The server is verified by that CA and by its host name, and users' settings of
sessions do not reach the connection (sessions.py).
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Loader

from controller.certificates.pki import issue_client
from controller.sessions import CONTROLLER, options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime

    from controller.certificates.pki import Authority, Entropy
    from controller.postgresql.statements.base import Statement

PORT: Final = 5432
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 60
"""Longer than anything takes but to wait for others' locks; then it is tried again."""

MOST_SESSIONS: Final = 3
"""With one server at a time: keddah is a superuser, whom no `superuser_reserved_connections` keep out."""

_SILENT: Final = {
    # A verifier is as good as a password to whoever reads it in a log.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "pg_stat_statements.track": "none",
    # Who waits for a lock that excludes readers keeps them waiting too; it is tried again after a while.
    "lock_timeout": "1s",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a primary is."""

    ip: str
    host: str
    """The name that its certificate is for."""


class SqlError(Exception):
    """A server refused a statement; the message has its own words, and nothing of the statement."""


class Unreachable(Exception):  # noqa: N818 - what happened
    """Nobody answered, or not as a primary does."""


class Session:
    """An open connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], permit: Callable[[], None]) -> None:
        self._connection = connection
        self._permit = permit

    async def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return what a query finds; raises SqlError or Unreachable."""
        try:
            return await (await self._connection.execute(query, parameters)).fetchall()
        except psycopg.Error as error:
            raise _worded(error) from None

    async def execute(self, statement: Statement) -> None:
        """Execute a statement, as a whole or not at all; raises SqlError, Unreachable or LeadershipLost."""
        self._permit()
        try:
            # One message is one transaction, but for what cannot be part of any, which is alone.
            await self._connection.execute(sql.SQL("; ").join(statement.render()))
        except psycopg.Error as error:
            raise _worded(error) from None


class PostgreSQL:
    """A client for the primaries of all databases.

    `permit` is called before every change and raises LeadershipLost if this process lost the Lease.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        entropy: Entropy,
        permit: Callable[[], None] = lambda: None,
        port: int = PORT,
    ) -> None:
        self._now = now
        self._entropy = entropy
        self._permit = permit
        self._port = port
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def session(
        self, address: Address, database: str, authority: Authority, trusted: str
    ) -> AsyncIterator[Session]:
        """Open a connection, when it is its turn; raises Unreachable.

        `authority` signs our certificate, `trusted` (PEM) the server's.
        """
        turns = self._turns.setdefault(address.ip, asyncio.Semaphore(MOST_SESSIONS))
        async with turns, self._session(address, database, authority, trusted) as session:
            yield session

    @asynccontextmanager
    async def _session(
        self, address: Address, database: str, authority: Authority, trusted: str
    ) -> AsyncIterator[Session]:
        pair = issue_client(authority, CONTROLLER, now=self._now(), entropy=self._entropy)
        with ExitStack() as files:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    host=address.host,
                    hostaddr=address.ip,
                    port=self._port,
                    dbname=database,
                    user=CONTROLLER,
                    application_name="keddah",
                    sslmode="verify-full",
                    sslrootcert=_file(files, trusted),
                    sslcert=_file(files, pair.crt),
                    sslkey=_file(files, pair.key),
                    gssencmode="disable",
                    target_session_attrs="read-write",
                    connect_timeout=CONNECT_SECONDS,
                    options=_options(),
                    client_encoding="UTF8",
                    autocommit=True,
                )
            except psycopg.Error as error:
                where = f"{address.host}, {address.ip}, port {self._port}"
                raise Unreachable(f"no connection to {where}: {_line(str(error))}") from None
        for kind in ("text", "name"):
            connection.adapters.register_loader(kind, _Text)
        try:
            yield Session(connection, self._permit)
        finally:
            await connection.close()


class _Text(Loader):
    """Reads text as it is, also what is in no encoding: � stands for that.

    Catalogs that all databases share have what each wrote in its own encoding, and PostgreSQL converts it by
    that of the database that is asked.
    """

    def load(self, data: Buffer) -> str:
        return bytes(data).decode(errors="replace")


def _options() -> str:
    pins = _SILENT | {"statement_timeout": f"{STATEMENT_SECONDS}s"}
    return f"{options(superuser=True)} {' '.join(f'-c {name}={value}' for name, value in pins.items())}"


def _file(files: ExitStack, text: str) -> str:
    """Return the path of a file in memory: libpq takes certificates from files only."""
    memory = os.memfd_create("pair")
    files.callback(os.close, memory)
    os.fchmod(memory, 0o600)  # libpq refuses a key that others may read
    os.write(memory, text.encode())
    return f"/proc/self/fd/{memory}"


def _worded(error: psycopg.Error) -> SqlError | Unreachable:
    """Word an error without the statement: that may have a verifier in it."""
    words = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
    if not words[0]:
        return Unreachable(_line(str(error)))
    return SqlError(_line("; ".join(word for word in words if word)))


def _line(text: str) -> str:
    return " ".join(text.split())[:500]
