"""Reports in the Patroni member's tags that the data volume is full; leader races read the tags, too."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

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
_FULL = {"disk_full": True, "nofailover": False, "failover_priority": 0}


class DiskSpace:
    """Remembers whether the volume was full at the last check."""

    def __init__(self) -> None:
        self._full = False

    @property
    def tags(self) -> dict[str, Any]:
        """The tags of a member whose volume is full; none for any other."""
        return dict(_FULL) if self._full else {}

    def changed(self, free: int) -> bool:
        """Record how many bytes are free; return whether that changes the tags."""
        before, self._full = self._full, free < (ENOUGH_MIB if self._full else FULL_MIB) * _MIB
        if self._full != before:
            said = "Volume was full" if self._full else "Volume had room again"
            logger.warning("%s: free_mib=%s", said, free // _MIB)
        return self._full != before


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
