"""New connections to a server, to see whether anybody is there."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

# SSLRequest: its length, its code (PostgreSQL, Message Formats). A byte comes back before anybody has logged
# in, also where TLS is off, where too many are connected and while the server starts; and who hangs up then
# leaves no line in the server's log (but that of log_connections).
_REQUEST = struct.pack("!ii", 8, 80877103)
_ANSWER_BYTES = 1024


class Knocks:
    """Connections of which none has been answered; all stay open, for an answer may be late."""

    def __init__(self, address: str, stack: ExitStack) -> None:
        self._address = address
        self._stack = stack
        self._poll = select.poll()
        self._lines: dict[int, socket.socket] = {}

    def answered(self, seconds: float) -> bool:
        """Connect once more, and tell whether any of all is answered within that time.

        Whatever comes is an answer, a refusal too: something else is wrong then, and Patroni's to see.
        """
        try:
            self._knock()
        except BlockingIOError:
            # The queue is full (unix(7), connect), and so nobody takes anything from it: one more silence.
            pass
        except OSError:
            return True
        answers = self._poll.poll(seconds * 1000)
        for descriptor, _ in answers:
            # The server would write into its log that it was left without being heard.
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
    """Have connections to the server with this socket."""
    with ExitStack() as stack:
        yield Knocks(address, stack)
