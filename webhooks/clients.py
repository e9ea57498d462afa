"""Who is connected. Where connections or bytes are too many, whoever holds most of them gives way.

So a client that takes all it can get takes it from itself, and not from others. The API server is one of
these: it has a connection for each call under way, and its reviews arrive in milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from webhooks.log import line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 512
"""Connections of one port, those included that have not shaken hands yet. An API server has at most some 600
requests under way (--max-requests-inflight and its like), of which few are for databases."""

MOST_BYTES = 16 * 1024 * 1024
"""Bytes that have arrived of requests that are not answered. Each takes two to four of memory."""

LOG_SECONDS = 60.0
"""From one line about who gave way to the next: they may be thousands."""

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """A connection as it is counted here."""

    address: str
    """Of the client, without its port."""
    held: int
    """Bytes that have arrived of its request, if that is not answered."""

    def abort(self) -> None:
        """Close it now."""


class Clients:
    """The connections of one port."""

    def __init__(
        self,
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        dropped: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Bound them; `dropped` is called with `connections` or `bytes` for each that gives way for these."""
        self._most = most
        self._most_bytes = most_bytes
        self._dropped = dropped
        # Of each address, those first that have waited longest for an answer.
        self._of: dict[str, dict[Connection, None]] = {}
        self._count = 0
        self._bytes = 0
        self._quiet_until = 0.0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Connection]:
        return iter([one for crowd in self._of.values() for one in crowd])

    def join(self, connection: Connection) -> None:
        """Count a new connection; of too many, the address with most loses its longest unanswered one."""
        self._of.setdefault(connection.address, {})[connection] = None
        self._count += 1
        if self._count > self._most:
            crowd = max(self._of.values(), key=len)
            self._drop(next(iter(crowd)), "connections", len(crowd))

    def leave(self, connection: Connection) -> None:
        """Forget a connection, once it is closed or about to be."""
        crowd = self._of.get(connection.address, {})
        if connection not in crowd:
            return
        del crowd[connection]
        if not crowd:
            del self._of[connection.address]
        self._count -= 1
        self._bytes -= connection.held
        connection.held = 0

    def receive(self, connection: Connection, count: int) -> None:
        """Count bytes of a request; of too many, the address with most loses its largest request."""
        if connection not in self._of.get(connection.address, {}):
            return
        connection.held += count
        self._bytes += count
        while self._bytes > self._most_bytes:
            crowd = max(self._of.values(), key=_held)
            self._drop(max(crowd, key=lambda one: one.held), "bytes", _held(crowd))

    def answer(self, connection: Connection) -> None:
        """Count a request as answered."""
        crowd = self._of.get(connection.address, {})
        if connection in crowd:
            self._bytes -= connection.held
            connection.held = 0
            crowd[connection] = crowd.pop(connection)

    def _drop(self, connection: Connection, what: str, of: int) -> None:
        self.leave(connection)
        connection.abort()
        self._dropped(what)
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + LOG_SECONDS
            _log.warning(line("Dropped a connection", too_many=what, client=connection.address, has=of))


def _held(crowd: dict[Connection, None]) -> int:
    return sum(one.held for one in crowd)
