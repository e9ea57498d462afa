"""Limits that uvicorn does not have: the time and the size of a whole request.

They wrap what uvicorn takes from its users: a protocol (Config, `http`) and an ASGI application. Uvicorn's
protocol is used as asyncio uses it, through `asyncio.Protocol` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webhooks import body, tls
from webhooks.body import Receive

if TYPE_CHECKING:
    from webhooks.clients import Clients

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Client: TypeAlias = tuple[str, int]

CLIENT_NAMES = "keddah.dev/client-names"
"""Where the application finds the names of the client's certificate, a frozenset, in the scope."""

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers. The API server sends some 300."""

REQUEST_LIMIT = HEAD_LIMIT + body.LIMIT + body.LINGER_BYTES + 1024 * 1024
"""Bytes of a request, with the framing of a chunked body; beyond it the connection is aborted."""

KEPT_LIMIT = 32 * 1024
"""Bytes of a request after which its connection goes on. What OpenSSL and the event loop took for a larger
one they keep until the connection ends."""

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

    held = 0
    _transport: asyncio.Transport
    _client: Client

    def __init__(
        self, inner: asyncio.Protocol, connections: dict[Client, Guard], clients: Clients, seconds: float
    ) -> None:
        self.address = ""
        self._inner = inner
        self._connections = connections
        self._clients = clients
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
        self.address = self._client[0]
        self.names = tls.names(transport.get_extra_info("peercert"))
        self._connections[self._client] = self
        self._inner.connection_made(transport)
        self._start_timer(self._seconds)
        self._clients.join(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        self._connections.pop(self._client, None)
        self._clients.leave(self)
        # With an error uvicorn leaves its keep-alive timer behind, and by it the connection, for two minutes.
        self._inner.connection_lost(None)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of the request, and start its timer."""
        self._received += len(data)
        self._clients.receive(self, len(data))
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

    @property
    def ends(self) -> bool:
        """Whether the connection is to end with the answer."""
        return self._received > KEPT_LIMIT

    def head_arrived(self) -> None:
        """Note that only the body of the request may still be missing."""
        self._in_head = False

    def answered(self, *, whole: bool) -> None:
        """Note the end of a request; `whole`: the client has sent all of it."""
        self._clients.answer(self)
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

    def __init__(self, app: Application, clients: Clients, *, seconds: float) -> None:
        """`seconds`: how long a request may take, from its first packet to its answer."""
        self._app = app
        self._clients = clients
        self._seconds = seconds
        self.connections: dict[Client, Guard] = {}

    def protocol(self, **arguments: Any) -> Guard:  # noqa: ANN401 - uvicorn's own arguments
        """Return the protocol of a new connection, as uvicorn makes one."""
        return Guard(HttpToolsProtocol(**arguments), self.connections, self._clients, self._seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the guard of its connection learns of its beginning and of its end."""
        guard = self.connections.get(tuple(scope["client"]))
        whole = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal whole
            message = await receive()
            whole = not message.get("more_body", False)
            return message

        async def ending(message: MutableMapping[str, Any]) -> None:
            if guard is not None and guard.ends and message["type"] == "http.response.start":
                others = [header for header in message["headers"] if header[0] != b"connection"]
                message["headers"] = [*others, (b"connection", b"close")]
            await send(message)

        if guard is None:  # lost meanwhile
            return
        guard.head_arrived()
        scope[CLIENT_NAMES] = guard.names
        try:
            await self._app(scope, counted, ending)
        finally:
            guard.answered(whole=whole)
