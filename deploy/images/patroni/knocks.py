"""New connections to a server, to see whether it answers."""

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


class Knocks:
    """Connections without an answer so far; all stay open, because an answer may come late."""

    def __init__(self, address: str, stack: ExitStack) -> None:
        self._address = address
        self._stack = stack
        self._poll = select.poll()
        self._lines: dict[int, socket.socket] = {}

    def answered(self, seconds: float) -> bool:
        """Connect once more, and return whether any of the connections is answered within `seconds`.

        A refusal is an answer too: then something else is wrong, which Patroni detects.
        """
        try:
            self._knock()
        except BlockingIOError:
            # The listen queue is full (unix(7), connect): nobody accepts connections, so there is no answer.
            pass
        except OSError:
            return True
        answers = self._poll.poll(seconds * 1000)
        for descriptor, _ in answers:
            # Otherwise the server would log that the client closed the connection unexpectedly.
            with suppress(OSError):
                self._lines[descriptor].recv(_ANSWER_BYTES)
        return bool(answers)

    def _knock(self) -> None:
        line = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        line.setblocking(False)
        line.connect(self._address)
        line.sendall(_REQUEST)
        self._lines[line.fileno()] = line
        self._poll.register(line, select.POLLIN)


@contextmanager
def knocks(address: str) -> Iterator[Knocks]:
    """Open connections to the server with this socket."""
    with ExitStack() as stack:
        yield Knocks(address, stack)
