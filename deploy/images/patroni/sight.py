"""What the kernel tells of a process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Waiting for a processor, for a disk or for memory is work, however long it takes (proc(5), State).
_AT_WORK = "RD"


@dataclass(frozen=True)
class Sight:
    """A process that is not at work; where two sights of it are equal, it did nothing in between."""

    pid: int
    state: str
    """`S` asleep, `T` stopped by a signal, `t` by a debugger."""
    switches: int
    """How often it has given a processor up, or lost it."""


def look(pid: int) -> Sight | None:
    """Look at a process; None where it is at work, is gone, or the sandbox does not show it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        state = fields["State"][0]
        switches = int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])
    except (OSError, LookupError):
        return None
    return None if state in _AT_WORK else Sight(pid, state, switches)
