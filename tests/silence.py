"""An address that answers nothing, as that of a node that is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def silent(line: socket.socket) -> Iterator[None]:
    """Have the kernel take no connection at a bound socket, and refuse none: its queue is full."""
    line.listen(0)
    with ExitStack() as stack:
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(line.getsockname())
        yield
