"""How much of the machine's time tests have: theirs are the failures that it explains."""

from __future__ import annotations

import os
import time
from pathlib import Path

CROWDED = 7
"""Ready processes for each processor: with more, nodes and leases begin to be taken for lost."""
_PRESSURE = Path("/proc/pressure")
_PROCESSORS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def machine() -> str:
    """Tell the load, the time for which others had the processors since the start, and who waits for what."""
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    spent = dict(zip(_PROCESSORS, map(int, ticks), strict=False))
    whole = sum(spent.values()) or 1
    shares = ", ".join(f"{name} {spent[name] / whole:.0%}" for name in ("idle", "iowait", "steal"))
    return f"load {os.getloadavg()[0]:.1f}; since the start {shares}; {_pressure()}"


def until_room(seconds: float, poll: float = 5) -> float:
    """Wait, for so long at most, until the machine has room for more; return for how long."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds and os.getloadavg()[0] > CROWDED * _processors():
        time.sleep(poll)
    return waited


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _pressure() -> str:
    """Tell for which share of the last minute somebody waited for each resource (kernel, accounting/psi)."""
    told = []
    for resource in ("cpu", "memory", "io"):
        try:
            some = (_PRESSURE / resource).read_text().split("\n", 1)[0]
        except OSError:
            continue
        told.append(f"{resource} {dict(word.partition('=')[::2] for word in some.split())['avg60']}%")
    return f"waited in the last minute for {', '.join(told)}" if told else "no pressure is told here"
