"""The container's output, for which nothing ever waits."""

from __future__ import annotations

import os
import select
from typing import Final

CHUNK: Final = 4096
"""A pipe that can be written to takes as much at once (pipe(7), PIPE_BUF)."""
MOST: Final = 1 << 20
"""Bytes that are kept of what cannot be read again from a file."""
AHEAD: Final = 1 << 16
"""Bytes up to which files are read ahead."""


class Output:
    """Keeps lines until they are taken; of those that are too many it counts those that it drops."""

    def __init__(self, descriptor: int = 1, most: int = MOST) -> None:
        self.descriptor, self._most = descriptor, most
        self._waiting = bytearray()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self.dropped = 0
        """Lines, since this was last set to 0."""

    @property
    def empty(self) -> bool:
        """Whether all has been taken."""
        return not self._waiting

    @property
    def has_room(self) -> bool:
        """Whether files are to be read."""
        return len(self._waiting) < AHEAD

    def put(self, line: str, *, from_file: bool = False) -> None:
        """Write a line, or several, as soon as they are taken; what is from a file was read into room."""
        data = line.encode(errors="replace") + b"\n"
        if self._waiting and len(self._waiting) + len(data) > self._most and not from_file:
            self.dropped += 1
        else:
            self._waiting += data

    def flush(self) -> bool:
        """Write what is taken now; return whether anything was."""
        before = len(self._waiting)
        self._flush()
        return len(self._waiting) < before

    def _flush(self) -> None:
        while self._waiting and self._poll.poll(0):
            try:
                written = os.write(self.descriptor, self._waiting[:CHUNK])
            except BlockingIOError:
                return
            except OSError:
                # Nobody will ever read it.
                self._waiting.clear()
                return
            del self._waiting[:written]
