"""The state of a process, from /proc."""

from __future__ import annotations

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
