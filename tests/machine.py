"""How much of the machine's time tests have: theirs are the failures that it explains."""

from __future__ import annotations

import os
import time
from pathlib import Path

CROWDED = 7
"""Ready processes for each processor: with more, nodes and leases begin to be taken for lost."""
STALLED = {"memory": 10.0, "io": 40.0}
"""Percent of a minute in which somebody may wait for these before the machine counts as crowded."""
_PRESSURE = Path("/proc/pressure")
_PROCESSORS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def machine() -> str:
    """Tell the load, the time for which others had the processors since the start, and who waits for what."""
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    spent = dict(zip(_PROCESSORS, map(int, ticks), strict=False))
    whole = sum(spent.values()) or 1
    shares = ", ".join(f"{name} {spent[name] / whole:.0%}" for name in ("idle", "iowait", "steal"))
    waited = ", ".join(f"{resource} {_waited(resource):g}%" for resource in ("cpu", "memory", "io"))
    load = os.getloadavg()[0]
    return f"load {load:.1f}; since the start {shares}; waited in the last minute for {waited}"


def crowded() -> bool:
    """Whether everything may take far longer here than it usually does."""
    if os.getloadavg()[0] > CROWDED * len(os.sched_getaffinity(0)):
        return True
    return any(_waited(resource) > most for resource, most in STALLED.items())


def until_room(seconds: float, poll: float = 5) -> float:
    """Wait, for so long at most, until the machine has room for more; return for how long."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds and crowded():
        time.sleep(poll)
    return waited


def _waited(resource: str) -> float:
    """Return for which share of the last minute somebody waited (kernel, accounting/psi); 0 if unknown."""
    try:
        some = (_PRESSURE / resource).read_text().split("\n", 1)[0]
    except OSError:
        return 0.0
    return float(dict(word.partition("=")[::2] for word in some.split())["avg60"])
