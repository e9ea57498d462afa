"""What /proc says about a process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Running, or waiting for a CPU, disk or memory: that is not frozen, however long it takes (proc(5), State).
_AT_WORK = "RD"


@dataclass(frozen=True)
class Sight:
    """A process that is not busy. If two observations of it are equal, it did nothing in between."""

    pid: int
    state: str
    """`S` asleep, `T` stopped by a signal, `t` by a debugger."""
    switches: int
    """Number of its context switches, voluntary and not."""


def look(pid: int) -> Sight | None:
    """Observe a process; None if it is busy, is gone, or /proc does not show it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        state = fields["State"][0]
        switches = int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])
    except (OSError, LookupError):
        return None
    return None if state in _AT_WORK else Sight(pid, state, switches)
