"""Limits that uvicorn does not have: the time and the size of a whole request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webhooks import body

if TYPE_CHECKING:
    import asyncio

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers. The API server sends some 300."""

REQUEST_LIMIT = HEAD_LIMIT + body.LIMIT + body.LINGER_BYTES + 1024 * 1024
"""Bytes of a request, with the framing of a chunked body; beyond it the connection is aborted."""

CLOSE_SECONDS = 1.0
"""How long a closing connection waits for the client's TLS close_notify."""

REFUSED_CLOSE_SECONDS = 0.1
"""The same for a client that still sends a refused request; `body.linger` has already waited for it."""

HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, which aborts connections whose request is never completed.

    The timer starts with the connection, or with the first packet of a request that needs more than one.
    The application's own deadline is shorter and sends a response; this one does not.
    """

    arrival_seconds = 15.0
    _timer: asyncio.TimerHandle | None = None
    _incomplete = True
    _in_head = True
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer: a client that connects and sends nothing is disconnected."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes received; a request that arrives in one piece needs no timer."""
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._abort_later()
        elif not self._incomplete:
            self._received = 0
            self._stop_timer()
        else:
            self._bound()

    def _bound(self) -> None:
        if self._in_head and self._received > HEAD_LIMIT:
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()
            self._abort_later()
        elif self._received > REQUEST_LIMIT:
            self.transport.abort()
        elif self._timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._incomplete = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that only the body is missing."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that nothing is missing."""
        self._incomplete = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Bound the wait for the client if this was the connection's last response."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def shutdown(self) -> None:
        """Close the connection: now if it is idle, else after its response."""
        super().shutdown()
        if self.transport.is_closing():
            self._abort_later()

    def _abort_later(self) -> None:
        """Bound the wait for the client's close_notify: uvloop alone would go on reading for 30 s."""
        self._stop_timer()
        seconds = REFUSED_CLOSE_SECONDS if self._incomplete else CLOSE_SECONDS
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.arrival_seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
