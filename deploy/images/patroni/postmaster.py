"""Waits for the end of the postmaster, which is not a child process of Patroni."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress

LOOK_SECONDS = 1.0
REAPED_SECONDS = 0.02

Pause = Callable[[float], None]


def watch(find: Callable[[], int | None], wake: Callable[[], None], pause: Pause) -> None:
    """Call `wake` whenever the server's process has ended; never returns."""
    while True:
        pid = find()
        if pid is not None:
            until_ended(pid, pause)
            wake()
        pause(LOOK_SECONDS)


def until_ended(pid: int, pause: Pause) -> None:
    """Return when a process has ended and been reaped: until then it still looks alive to Patroni."""
    # Where a sandbox forbids pidfds, the loop below suffices; it only costs more.
    with suppress(OSError):
        _until_readable(os.pidfd_open(pid))
    while _there(pid):
        pause(REAPED_SECONDS)


def _until_readable(descriptor: int) -> None:
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
    finally:
        os.close(descriptor)


def _there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
