"""Whether anybody is at an address, without waiting for it."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

# Who races for the lock of a node that is gone asks it first, and Patroni waits for 2 s. A node that is there
# takes a connection at once, however slow what runs on it may be.
CALL_SECONDS = 0.8


class Call:
    """A TCP connection that is being made, to a numeric address."""

    def __init__(self, line: socket.socket, url: str) -> None:
        address = urlsplit(url)
        line.setblocking(False)
        self._pending = line.connect_ex((address.hostname, address.port)) == errno.EINPROGRESS
        self._poll = select.poll()
        self._poll.register(line, select.POLLOUT)

    def answered(self) -> bool:
        """Tell whether it was taken or refused by now."""
        return not self._pending or bool(self._poll.poll(0))


@contextmanager
def calling(url: str) -> Iterator[Call]:
    """Have a connection made to what a URL names by its number; nothing is sent."""
    family = socket.AF_INET6 if "[" in url else socket.AF_INET
    with socket.socket(family) as line:
        yield Call(line, url)
