"""Limits that uvicorn does not have: the time and the size of a whole request.

They wrap what uvicorn takes from its users: a protocol (Config, `http`) and an ASGI application. Uvicorn's
protocol is used as asyncio uses it, through `asyncio.Protocol` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webhooks import body
from webhooks.body import Receive

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Client: TypeAlias = tuple[str, int]

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers. The API server sends some 300."""

REQUEST_LIMIT = HEAD_LIMIT + body.LIMIT + body.LINGER_BYTES + 1024 * 1024
"""Bytes of a request, with the framing of a chunked body; beyond it the connection is aborted."""

CLOSE_SECONDS = 1.0
"""How long a closing connection waits for the client's TLS close_notify."""

REFUSED_CLOSE_SECONDS = 0.1
"""The same for a client that still sends a refused request; `body.linger` has already waited for it."""

HEAD_END = b"\r\n\r\n"
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Guard(asyncio.Protocol):
    """One connection around uvicorn's protocol; aborted when a request is not answered in time.

    The timer starts with the connection, and with the first packet of each request. The application's own
    deadline is shorter and sends a response; this one does not.
    """

    _transport: asyncio.Transport
    _client: Client

    def __init__(self, inner: asyncio.Protocol, connections: dict[Client, Guard], seconds: float) -> None:
        self._inner = inner
        self._connections = connections
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._tail = b""
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timer: a client that connects and sends nothing is disconnected."""
        self._transport = cast("asyncio.Transport", transport)
        self._client = transport.get_extra_info("peername")[:2]
        self._connections[self._client] = self
        self._inner.connection_made(transport)
        self._start_timer(self._seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        self._connections.pop(self._client, None)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of the request, and start its timer."""
        self._received += len(data)
        if self._timer is None:
            self._start_timer(self._seconds)
        if self._in_head:
            # The application learns of a request only in the loop's next turn; large packets may come before.
            self._in_head = HEAD_END not in self._tail + data
            self._tail = data[-len(HEAD_END) + 1 :]
        self._inner.data_received(data)
        if self._transport.is_closing():  # refused already: no HTTP
            self._abort_later()
        elif self._in_head and self._received > HEAD_LIMIT:
            self._transport.write(HEAD_TOO_LARGE)
            self._transport.close()
            self._abort_later()
        elif self._received > REQUEST_LIMIT:
            self._transport.abort()

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def head_arrived(self) -> None:
        """Note that only the body of the request may still be missing."""
        self._in_head = False

    def answered(self, *, whole: bool) -> None:
        """Note the end of a request; `whole`: the client has sent all of it."""
        if self._transport.is_closing():
            self._abort_later(whole=whole)
        else:
            self._stop_timer()
            self._in_head, self._tail, self._received = True, b"", 0

    def close_idle(self) -> None:
        """Close the connection, unless it has a request under way."""
        if not self._received:
            self._transport.close()
            self._abort_later(whole=True)

    def abort(self) -> None:
        """Close the connection now."""
        self._transport.abort()

    def _abort_later(self, *, whole: bool = False) -> None:
        """Bound the wait for the client's close_notify: uvloop alone would go on reading for 30 s."""
        self._stop_timer()
        self._start_timer(CLOSE_SECONDS if whole else REFUSED_CLOSE_SECONDS)

    def _start_timer(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Guarded:
    """An ASGI application whose connections are guarded: `protocol` is uvicorn's `http`."""

    def __init__(self, app: Application, *, seconds: float) -> None:
        """`seconds`: how long a request may take, from its first packet to its answer."""
        self._app = app
        self._seconds = seconds
        self.connections: dict[Client, Guard] = {}

    def protocol(self, **arguments: Any) -> Guard:  # noqa: ANN401 - uvicorn's own arguments
        """Return the protocol of a new connection, as uvicorn makes one."""
        return Guard(HttpToolsProtocol(**arguments), self.connections, self._seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the guard of its connection learns of its beginning and of its end."""
        guard = self.connections.get(tuple(scope["client"]))
        whole = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal whole
            message = await receive()
            whole = not message.get("more_body", False)
            return message

        if guard is None:  # lost meanwhile
            return
        guard.head_arrived()
        try:
            await self._app(scope, counted, send)
        finally:
            guard.answered(whole=whole)
