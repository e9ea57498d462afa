"""Liveness probe of a PostgreSQL server: new connections, and whether any of them is answered."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

# SSLRequest: length and code (PostgreSQL, Message Formats). The server answers one byte before any login,
# even without TLS, with too many connections and during startup; and disconnecting then leaves no line in
# the server's log (except that of log_connections).
_REQUEST = struct.pack("!ii", 8, 80877103)
_ANSWER_BYTES = 1024


class Probe:
    """The connections of one probe; all stay open, because an answer may come late."""

    def __init__(self, address: str, stack: ExitStack) -> None:
        self._address = address
        self._stack = stack
        self._poll = select.poll()
        self._connections: dict[int, socket.socket] = {}

    def answered(self, seconds: float) -> bool:
        """Connect once more, and return whether any of the connections is answered within `seconds`.

        A refusal is an answer too: then something else is wrong, which Patroni detects.
        """
        try:
            self._connect()
        except BlockingIOError:
            # The listen queue is full (unix(7), connect): nobody accepts connections, so there is no answer.
            pass
        except OSError:
            return True
        answers = self._poll.poll(seconds * 1000)
        for descriptor, _ in answers:
            # Otherwise the server would log that the client closed the connection unexpectedly.
            with suppress(OSError):
                self._connections[descriptor].recv(_ANSWER_BYTES)
        return bool(answers)

    def _connect(self) -> None:
        connection = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        connection.setblocking(False)
        connection.connect(self._address)
        connection.sendall(_REQUEST)
        self._connections[connection.fileno()] = connection
        self._poll.register(connection, select.POLLIN)


@contextmanager
def probing(address: str) -> Iterator[Probe]:
    """Open connections to the server with this socket."""
    with ExitStack() as stack:
        yield Probe(address, stack)
