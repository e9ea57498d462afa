"""Bounds on a connection that uvicorn leaves open: a request must arrive whole, in time and in size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webhooks import body

if TYPE_CHECKING:
    import asyncio

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers. The API server sends some 300."""

REQUEST_LIMIT = HEAD_LIMIT + body.LIMIT + body.LINGER_BYTES + 1024 * 1024
"""Bytes of a request, with the framing of a chunked body: whatever comes after is cut off."""

FAREWELL_SECONDS = 1.0
CUT_OFF_SECONDS = 0.1
"""The same for a client that still sends what was refused; it had its time before (`body.linger`)."""

HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, less clients that never finish a request.

    The time runs from the connection, or from the first packet of a request that did not come in one.
    The application's own deadline is shorter and has an answer; this one has none.
    """

    arrival_seconds = 15.0
    _clock: asyncio.TimerHandle | None = None
    _incomplete = True
    _in_head = True
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time: a client that connects and says nothing holds no connection for long."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what came; the usual request comes in one piece, and needs no clock."""
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._say_farewell()
        elif not self._incomplete:
            self._received = 0
            self._stop_clock()
        else:
            self._bound()

    def _bound(self) -> None:
        if self._in_head and self._received > HEAD_LIMIT:
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()
            self._say_farewell()
        elif self._received > REQUEST_LIMIT:
            self.transport.abort()
        elif self._clock is None:
            self._start_clock()

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
        """Note that an answer went out, maybe the connection's last."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._say_farewell()

    def shutdown(self) -> None:
        """Close the connection if it is idle, else after its answer."""
        super().shutdown()
        if self.transport.is_closing():
            self._say_farewell()

    def _say_farewell(self) -> None:
        """Bound the wait for the client's close_notify, in which uvloop goes on reading for 30 s."""
        self._stop_clock()
        seconds = CUT_OFF_SECONDS if self._incomplete else FAREWELL_SECONDS
        self._clock = self.loop.call_later(seconds, self.transport.abort)

    def _start_clock(self) -> None:
        self._clock = self.loop.call_later(self.arrival_seconds, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
