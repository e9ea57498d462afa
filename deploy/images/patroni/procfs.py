"""Processes, from /proc (proc(5)): what is gone meanwhile, or not shown, is None."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Running, or waiting for CPU, disk or memory: such a process is slow, but not frozen (proc(5), State).
_BUSY_STATES = "RD"


@dataclass(frozen=True)
class ProcessState:
    """The state of a process that is not busy. If two samples are equal, it did not run in between."""

    pid: int
    state: str
    """`S` asleep, `T` stopped by a signal, `t` by a debugger."""
    switches: int
    """Number of its context switches, voluntary and not."""


def process_state(pid: int) -> ProcessState | None:
    """Observe a process; None if it is busy, is gone, or /proc does not show it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        state = fields["State"][0]
        switches = int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])
    except (OSError, LookupError):
        return None
    return None if state in _BUSY_STATES else ProcessState(pid, state, switches)


def started(pid: int) -> float | None:
    """Return when a process started, in seconds since the machine's start."""
    try:
        # The name before it may have spaces and parentheses; the start is field 22, and this begins with 3.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, LookupError, ValueError):
        return None


def child(pid: int, role: str) -> int | None:
    """Return the child of a postmaster whose title ends with this role."""
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(OSError):
                title = Path(f"/proc/{each}/cmdline").read_bytes().partition(b"\0")[0]
                if title.startswith(b"postgres:") and title.split()[-1] == role.encode():
                    return int(each)
    return None
