"""One application's connection, with the settings that an application needs to notice a dead server."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any, Self

import psycopg

from tests.laboratory.attempts import first

PATIENCE_SECONDS = 2.0
NO_ANSWER = "no answer"
"""How the words begin of what failed because this gave up, and nothing else was wrong."""
SETTINGS: dict[str, Any] = {
    # libpq's shortest: a server that was cut off answers a connection attempt with nothing at all.
    "connect_timeout": 2,
    # What was sent to a server that was cut off stays unanswered; without this for a quarter of an hour.
    "tcp_user_timeout": 2000,
    # A server that became a standby a moment ago is no use, and this asks before the first statement does.
    "target_session_attrs": "read-write",
    "sslmode": "verify-full",
    "gssencmode": "disable",
    "application_name": "keddah-laboratory",
}


class Client:
    """Statements over one connection; each gives up after `PATIENCE_SECONDS`.

    libpq has no such limit (JDBC's is socketTimeout), and a frozen server acknowledges every packet: the
    kernel does that for it. So a thread of its own breaks the connection.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = {**SETTINGS, **settings}
        self._connection: psycopg.Connection[Any] | None = None
        self._deadline: float | None = None
        self._impatient = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watchdog.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watchdog.join()
        self.close()

    def close(self) -> None:
        """Forget the connection; the next statement makes another."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def run(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Run one statement, each in a transaction of its own; raises psycopg.Error, also after a while."""
        if self._connection is None:
            self._connection = first(self._connect)
        self._deadline, self._impatient = time.monotonic() + PATIENCE_SECONDS, False
        try:
            cursor = self._connection.execute(statement.encode(), arguments)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            self.close()
            if self._impatient:
                raise psycopg.OperationalError(f"{NO_ANSWER} within {PATIENCE_SECONDS:g} s") from error
            raise
        finally:
            self._deadline = None

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self._settings, autocommit=True)

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._break()

    def _break(self) -> None:
        with self._lock:
            if self._connection is not None and not self._connection.closed:
                self._impatient = True
                with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)
