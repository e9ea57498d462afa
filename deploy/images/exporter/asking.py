"""Asks the server keddah's own questions, over one connection that is kept: it is there when none is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from controller.desired.exporter.metric import Query
from controller.desired.exporter.metrics import QUERIES

from .page import Page, number
from .wire import Connection, Link, Lost, Refused, Row

_SECONDS: Final = 4.0
"""After which nothing more is asked: Prometheus waits for ten."""
_LOOK_SECONDS: Final = 60.0

_EXTENSION: Final = """
SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = '{name}' AND current_setting('shared_preload_libraries') LIKE '%{name}%'
"""

Clock = Callable[[], float]
Log = Callable[[str, str], None]


class Server:
    """What the server answered, as far as it may be told again."""

    def __init__(
        self, connect: Callable[[], Connection], clock: Clock, log: Log, queries: Iterable[Query] = QUERIES
    ) -> None:
        self._link, self._clock, self._log = Link(connect), clock, log
        self._queries = tuple(queries)
        self._kept: dict[Query, tuple[float, list[Row]]] = {}
        self._schemas: dict[str, tuple[float, str]] = {}
        self.primary: bool | None = None
        """Whether it is one; None while it does not answer."""

    def ask(self, page: Page) -> tuple[bool, int]:
        """Add what it answers; return whether it does, and how many questions it refused."""
        began, refused, self.primary = self._clock(), 0, None
        try:
            connection = self._link.opened()
            self.primary = connection.rows("SELECT pg_is_in_recovery()")[1] == [("f",)]
            for query in self._due():
                self._in_time(began)
                refused += not self._add(connection, query, page)
        except Lost as error:
            self._log("server", f"Server did not answer: {error}")
            self._forget()
            return False, refused
        self._log("server", "")
        return True, refused

    def _in_time(self, began: float) -> None:
        if self._clock() - began > _SECONDS:
            raise Lost(f"it takes more than {_SECONDS:.0f} seconds to answer")

    def _due(self) -> Iterator[Query]:
        role = "primary" if self.primary else "standby"
        return (query for query in self._queries if query.where in (role, "everywhere"))

    def _add(self, connection: Connection, query: Query, page: Page) -> bool:
        """Ask one question; return whether it was answered."""
        try:
            rows = self._rows(connection, query)
        except Refused as error:
            self._log(query.source, f"Query was refused: {error}")
            return False
        self._log(query.source, "")
        count, told = len(query.labels), query.told
        for row in rows:
            labels = tuple(each or "" for each in row[:count])
            for metric, value in zip(told, row[count:], strict=True):
                page.add(metric, number(value), labels)
        return True

    def _rows(self, connection: Connection, query: Query) -> list[Row]:
        now = self._clock()
        asked, rows = self._kept.get(query, (-query.every, []))
        if query.every and query in self._kept and now - asked < query.every:
            return rows
        schema = self._schema(connection, query.extension) if query.extension else "pg_catalog"
        rows = connection.rows(query.sql.replace("{schema}", schema))[1] if schema else []
        if query.every:
            self._kept[query] = (now, rows)
        return rows

    def _schema(self, connection: Connection, extension: str) -> str:
        """Return where an extension is, "" where it is not or is not loaded."""
        now = self._clock()
        looked, schema = self._schemas.get(extension, (now - _LOOK_SECONDS, ""))
        if now - looked >= _LOOK_SECONDS:
            rows = connection.rows(_EXTENSION.format(name=extension))[1]
            schema = (rows[0][0] or "") if rows else ""
            self._schemas[extension] = (now, schema)
        return schema

    def _forget(self) -> None:
        self._link.close()
        self._kept, self._schemas = {}, {}
