"""Checks whether an address accepts connections, without blocking the caller."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

# Before a member takes the lock of a primary on a lost node, it asks that primary, and Patroni waits 2 s for
# an answer. A node that is up accepts a connection at once, however slow its processes may be.
CALL_SECONDS = 0.8


class Call:
    """A TCP connection attempt to a numeric address."""

    def __init__(self, line: socket.socket, url: str) -> None:
        address = urlsplit(url)
        line.setblocking(False)
        self._pending = line.connect_ex((address.hostname, address.port)) == errno.EINPROGRESS
        self._poll = select.poll()
        self._poll.register(line, select.POLLOUT)

    def answered(self) -> bool:
        """Whether it was accepted or refused by now."""
        return not self._pending or bool(self._poll.poll(0))


@contextmanager
def calling(url: str) -> Iterator[Call]:
    """Start connecting to the numeric address of a URL; nothing is sent."""
    family = socket.AF_INET6 if "[" in url else socket.AF_INET
    with socket.socket(family) as line:
        yield Call(line, url)
