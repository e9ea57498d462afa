"""The container's program, as a child of this process: its output, its signals and its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from types import FrameType
from typing import Final

FORWARDED: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_CHUNK: Final = 1 << 16
NOT_FOUND: Final = 127


class Program:
    """A program whose standard output and standard error are one pipe."""

    def __init__(self, words: list[str], environment: Mapping[str, str]) -> None:
        """Start it. Raises OSError."""
        self.output, written = os.pipe()
        os.set_blocking(self.output, False)
        self.woken, wakes = os.pipe()
        for end in (self.woken, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        actions = [(os.POSIX_SPAWN_DUP2, written, 1), (os.POSIX_SPAWN_DUP2, written, 2)]
        self._id = os.posix_spawnp(words[0], words, dict(environment), file_actions=actions)
        os.close(written)
        for number in FORWARDED:
            signal.signal(number, self._forward)
        self._code: int | None = None
        self.silent = False
        """Whether nobody can write any more."""

    def code(self) -> int | None:
        """Return its exit code, None while it runs: that of a shell where a signal ended it."""
        if self._code is None:
            ended, status = os.waitpid(self._id, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code
        return self._code

    def read(self) -> bytes:
        """Return what it has written; nothing where there is nothing more."""
        try:
            data = os.read(self.output, _CHUNK)
        except BlockingIOError:
            return b""
        self.silent = not data
        return data

    def wake(self) -> None:
        """Take note of signals that have come."""
        try:
            while os.read(self.woken, _CHUNK):
                pass
        except BlockingIOError:
            return

    def _forward(self, number: int, _: FrameType | None) -> None:
        if self._code is None:
            os.kill(self._id, number)
