"""Reports in the Patroni member's tags how full the data volume is; leader races read the tags, too."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from controller.protocol.member import ROOM_TOLERANCE

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_MIB = 1 << 20

FULL_MIB = 32
"""Two WAL segments: a server that is promoted writes one at once."""
ENOUGH_MIB = 64
"""Hysteresis: the segments that each checkpoint recycles must not change the tags."""

# `nofailover: true` would make Patroni demote a primary, and leave no candidate where all disks are full. An
# explicit false limits priority 0 to its other effect (4.1.5, ha.py, _is_healthiest_node): a member does not
# race if another voter at the same WAL position has a higher priority.
_LAST_CHOICE = {"nofailover": False, "failover_priority": 0}


class DiskSpace:
    """Remembers how full the volume was at the last check."""

    def __init__(self) -> None:
        self.full = False
        self.room = 0
        """How many MiB are free, at least; coarse, so that what comes and goes changes it rarely."""

    @property
    def tags(self) -> dict[str, Any]:
        """The tags by which Patroni elects a member whose volume is full last; none for any other."""
        return dict(_LAST_CHOICE) if self.full else {}

    def changed(self, free: int) -> bool:
        """Record how many bytes are free; return whether that changes what is reported."""
        before = self.full, self.room
        if not self.room * _MIB <= free <= self.room * _MIB * ROOM_TOLERANCE:
            # Of a volume that is full, what comes and goes is a large part.
            self.room = int(free / _MIB / (1 + (ROOM_TOLERANCE - 1) / 2)) if free >= FULL_MIB * _MIB else 0
        self.full = free < (ENOUGH_MIB if self.full else FULL_MIB) * _MIB
        if self.full != before[0]:
            said = "Volume was full" if self.full else "Volume had room again"
            logger.warning("%s: free_mib=%s", said, free // _MIB)
        return (self.full, self.room) != before


def watch(space: DiskSpace, folder: str, wake: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Check the volume every second, and call `wake` whenever the tags change; never returns.

    It runs in a thread of its own, so that no HA loop waits for a file system that does not answer.
    """
    while True:
        free = _free(folder)
        if free is not None and space.changed(free):
            wake()
        pause(LOOK_SECONDS)


def _free(folder: str) -> int | None:
    """Return how many bytes an unprivileged user may still write; None if statvfs fails."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
