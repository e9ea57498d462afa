"""Whether the data volume is full, said as tags of the Patroni member, which every race reads, too."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_MIB = 1 << 20

FULL_MIB = 32
"""Two segments of WAL, of which a server that is promoted writes one at once."""
ENOUGH_MIB = 64
"""Segments that come and go with each checkpoint must not change what is said."""

# Patroni would demote a primary with `nofailover`, and a cluster whose disks are all full would have nobody
# left. Denied in so many words it leaves the priority 0 its one other meaning (4.1.5, ha.py,
# _is_healthiest_node): whoever sees another voter with the very same WAL and a higher priority does not race.
_FULL = {"disk_full": True, "nofailover": False, "failover_priority": 0}


class Room:
    """Remembers how full the volume was when it was last looked at."""

    def __init__(self) -> None:
        self._full = False

    @property
    def tags(self) -> dict[str, Any]:
        """The tags of a member whose volume is full; none of any other."""
        return dict(_FULL) if self._full else {}

    def changed(self, free: int) -> bool:
        """Take note of how many bytes are free; tell whether that changes what is said."""
        before, self._full = self._full, free < (ENOUGH_MIB if self._full else FULL_MIB) * _MIB
        if self._full != before:
            said = "Volume was full" if self._full else "Volume had room again"
            logger.warning("%s: free_mib=%s", said, free // _MIB)
        return self._full != before


def watch(room: Room, folder: str, wake: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Look again and again, and wake whenever the tags change; never returns.

    In a thread of its own, so that no round waits for a file system that does not answer.
    """
    while True:
        free = _free(folder)
        if free is not None and room.changed(free):
            wake()
        pause(LOOK_SECONDS)


def _free(folder: str) -> int | None:
    """Return how many bytes anybody but root may still write; None where nobody can tell."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
