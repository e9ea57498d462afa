"""The container's program, as a child of this process: its output, its signals and its end."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
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
_SET_CHILD_SUBREAPER: Final = 36
"""PR_SET_CHILD_SUBREAPER of <linux/prctl.h>."""
NOT_FOUND: Final = 127


class Program:
    """A program whose standard output and standard error are one pipe."""

    def __init__(self, words: list[str], environment: Mapping[str, str]) -> None:
        """Start it. Raises OSError."""
        # What the program's processes leave behind are children of this one from now on, in this container
        # and no other, though pods may share their processes.
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.output, written = os.pipe()
        os.set_blocking(self.output, False)
        self.woken, wakes = os.pipe()
        for end in (self.woken, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        actions = [(os.POSIX_SPAWN_DUP2, written, 1), (os.POSIX_SPAWN_DUP2, written, 2)]
        self._code: int | None = None
        self._id = os.posix_spawnp(words[0], words, dict(environment), file_actions=actions)
        # At once, whatever is being written: Patroni waits until its server's process is gone.
        signal.signal(signal.SIGCHLD, lambda *_: self._reap())
        os.close(written)
        for number in FORWARDED:
            signal.signal(number, self._forward)
        self.silent = False
        """Whether nobody can write any more."""

    def code(self) -> int | None:
        """Return its exit code, None while it runs: that of a shell where a signal ended it."""
        if self._code is None:
            self._reap()
        return self._code

    def end_left(self, *, besides: set[int]) -> bool:
        """Kill what the program has left; return whether there was anything.

        A server that outlives Patroni is such a process: nobody would stop it when its lock expires. Of a
        process that is killed the children are left.
        """
        left = [child for child in children() if child not in {self._id, *besides}]
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        self._reap()
        return bool(left)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._id:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self._code = code if code >= 0 else 128 - code

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


def children(processes: Path = Path("/proc")) -> Iterator[int]:
    """Return the children of this process."""
    own = os.getpid()
    return (int(process.name) for process in processes.glob("[0-9]*") if parent(process) == own)


def parent(process: Path) -> int:
    """Return a process's parent (proc(5), stat: behind the name in parentheses); 0 where it is gone."""
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
