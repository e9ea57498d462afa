"""Reports in the Patroni member's tags what befell the server's processes, and was mended by itself.

When one of them ends in a crash, the postmaster ends all others and recovers from the WAL. It lives on, so
that neither Patroni nor the kubelet has anything to tell. That the kernel killed one for lack of memory shows
in the container's control group alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from . import procfs

LOOK_SECONDS = 1.0
_AT_START_SECONDS = 5.0
"""Within which a server that starts has its checkpointer, on the slowest machine."""

# Of cgroup v2 and v1; a container sees its own group at the root (cgroups(7); memory.txt of the kernel).
_MEMORY_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")

Clock = Callable[[], float]


class Mishaps:
    """Remembers the last crash recovery and the last kill; both are "" before the first."""

    def __init__(self) -> None:
        self.crashed = ""
        """When the server last recovered from the crash of one of its processes (RFC 3339)."""
        self.killed = ""
        """When it was last seen that the kernel had killed one of the container's processes."""
        self._recovery: float | None = None
        self._kills: int | None = None

    def changed(self, recovery: float | None, kills: int | None, now: float, uptime: float) -> bool:
        """Record both, None where unknown; return whether that is news.

        `recovery`: when the last one began, in seconds since the machine's start, as `uptime` is; `kills`:
        how many there were in all; `now`: the time (Unix).
        """
        before = self.crashed, self.killed
        if recovery is not None and recovery != self._recovery:
            self.crashed, self._recovery = _text(now - (uptime - recovery)), recovery
        if kills is not None:
            # What there was before the first look belongs to what ran here before.
            if self._kills is not None and kills > self._kills:
                self.killed = _text(now)
            self._kills = kills
        return (self.crashed, self.killed) != before


def watch(
    mishaps: Mishaps,
    postmaster: Callable[[], int | None],
    wake: Callable[[], None],
    clocks: tuple[Clock, Clock],
    pause: Callable[[float], None],
) -> None:
    """Look every second, and call `wake` at each news; never returns. `clocks`: Unix time, and uptime."""
    (now, uptime), recoveries = clocks, Recoveries()
    while True:
        pid = postmaster()
        if mishaps.changed(None if pid is None else recoveries.last(pid), kills(), now(), uptime()):
            wake()
        pause(LOOK_SECONDS)


class Recoveries:
    """Finds the last recovery of a server: in a crash only, its checkpointer ends before it."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        """When the server that was seen last started, and its checkpointer that was seen first."""

    def last(self, postmaster: int) -> float | None:
        """Return when a server began to recover from a crash (seconds since boot); None if it never did.

        One in the first seconds shows only by another checkpointer than before.
        """
        checkpointer = procfs.child(postmaster, "checkpointer")
        server, began = procfs.started(postmaster), procfs.started(checkpointer) if checkpointer else None
        if server is None or began is None:
            return None
        if self._first is None or self._first[0] != server:
            self._first = (server, began)
        late = began - server > _AT_START_SECONDS
        return began if late or began != self._first[1] else None


def kills() -> int | None:
    """Return how many of the container's processes the kernel has killed for memory; None if it is hidden."""
    for path in _MEMORY_EVENTS:
        with suppress(OSError, ValueError):
            fields = dict(line.split() for line in Path(path).read_text().splitlines())
            if "oom_kill" in fields:
                return int(fields["oom_kill"])
    return None


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
