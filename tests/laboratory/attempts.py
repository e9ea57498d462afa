"""Connecting as an application does that does not wait for a dead server.

Who is cut off answers with nothing, and libpq gives up after two seconds at the earliest: a gap would come in
steps of two. So another attempt begins every half second while older ones hang, and the first that is decided
counts. Applications do so with a connect timeout of half a second (asyncpg's `timeout`, pgx with a context's
deadline, node-postgres' `connectionTimeoutMillis`), or because their pool opens another connection meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

EVERY_SECONDS = 0.5

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]


def first(connect: Connect, every: float = EVERY_SECONDS) -> Connection:
    """Return the connection that is there first; raises psycopg.Error where an attempt fails before that.

    An attempt writes nothing, and every other connection that comes about is closed.
    """
    attempts = _Attempts(connect)
    while (decided := attempts.another(every)) is None:
        pass
    if isinstance(decided, psycopg.Error):
        raise decided
    return decided


class _Attempts:
    """Attempts that go on at once, each in a thread, until one is decided."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._decided: SimpleQueue[Connection | psycopg.Error] = SimpleQueue()
        self._over = threading.Lock()

    def another(self, seconds: float) -> Connection | psycopg.Error | None:
        """Begin one more, and return what became of the first that is decided by then."""
        threading.Thread(target=self._attempt, daemon=True).start()
        try:
            return self._decided.get(timeout=seconds)
        except Empty:
            return None

    def _attempt(self) -> None:
        outcome: Connection | psycopg.Error
        try:
            outcome = self._connect()
        except psycopg.Error as error:
            outcome = error
        # Never released: only the first comes through.
        if self._over.acquire(blocking=False):
            self._decided.put(outcome)
        elif not isinstance(outcome, psycopg.Error):
            outcome.close()
