"""Copies the primary so that no data is lost by it: the only way in which Patroni removes data.

Patroni removes first and copies then. Here the former data stays beside the copy until that streams, and
comes back if the copy fails. Where the volume has no room for both, the primary first has to deliver all of
it to nowhere: it reads every page, and verifies its checksum.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from .former import FormerData

logger = logging.getLogger(__name__)

SPARE_BYTES = 256 << 20
"""Room beside the copy, for the WAL that is written meanwhile."""
SPARE_SHARE = 0.1
"""And for how much the primary grows meanwhile, of its size."""

SIZE = """
SELECT sum((pg_stat_file(folder || '/' || file, true)).size)::bigint
FROM (SELECT 'base/' || name FROM pg_ls_dir('base', true, false) AS name UNION ALL SELECT 'global')
        AS folders(folder),
    pg_ls_dir(folder, true, false) AS file
"""
"""Bytes of all databases, by functions that Patroni grants to the role for pg_rewind."""

_SOURCE_DAMAGED = re.compile(
    r"checksum error occurred|checksum verification failed|ERROR:  (?:could not (?:read|open) |invalid page)"
)
_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded")


class Source(Protocol):
    """The primary that is copied."""

    def size(self) -> int | None:
        """Return how many bytes its databases have; None if it does not answer."""

    def delivers(self) -> bool:
        """Have it read all of its data, and send it nowhere; false if it fails."""


class Copies:
    """Copies of the primary, one after the other."""

    def __init__(self, former: FormerData, remove: Callable[[], None]) -> None:
        """`remove`: how Patroni removes PGDATA."""
        self._former = former
        self._remove = remove
        self._failure = ""
        self._cramped = False

    @property
    def report(self) -> str:
        """What there is to say of the last copy: one of COPIES of the protocol, or ""."""
        return self._failure or ("no-room" if self._cramped else "")

    def begin(self, source: Source) -> bool:
        """Make room for a copy in PGDATA; false if nothing may be copied now: then all is as before."""
        if self._former.empty() or self._former.kept:
            # What is there is a copy that has never streamed, and what it replaced is kept.
            self._empty()
            return True
        size = source.size()
        if size is None:
            logger.error("Kept the data, for the primary does not answer")
            self._failure = "failed"
            return False
        self._cramped = not self._fits(size)
        if not self._cramped:
            self._former.set_aside()
        elif not self._may_go(size, source):
            return False
        self._empty()
        return True

    def end(self) -> bool:
        """End a copy, and return whether it is complete; unless it is, the former data takes its place."""
        complete = not self._former.unfinished
        if not complete:
            self._failure = self._failure or "failed"
        self._former.restore()
        return complete

    def remove(self) -> None:
        """Remove PGDATA when Patroni wants that: an unfinished copy, and never any other data."""
        if self._former.unfinished:
            self._remove()
        else:
            logger.error("Kept the data, for it is no unfinished copy")

    def heard(self, code: int | None, said: str) -> None:
        """Note how pg_basebackup ended, and what it said."""
        logger.info("pg_basebackup ended: code=%s said=%s", code, said.strip())
        if code == 0:
            self._failure = ""
            if self._former.unfinished:
                self._cramped = False
                self._former.complete()
        elif _SOURCE_DAMAGED.search(said):
            self._failure = "source-damaged"
        else:
            self._failure = "no-space" if _NO_SPACE.search(said) else "failed"

    def _empty(self) -> None:
        self._former.begin()
        if not self._former.empty():
            self._remove()

    def _fits(self, size: int) -> bool:
        """Whether the volume has room for the copy beside the former data."""
        needed = size * (1 + SPARE_SHARE) + SPARE_BYTES
        return self._failure != "no-space" and self._former.whole and self._former.free() >= needed

    def _may_go(self, size: int, source: Source) -> bool:
        """Whether the former data may go before it is replaced: a copy must fit, and the primary deliver."""
        if self._former.free() + self._former.size() < size:
            logger.error("Kept the data, for the primary would not fit in its place: bytes=%s", size)
            self._failure = "no-space"
            return False
        if not source.delivers():
            return False
        logger.warning("Removing the former data, for it has no room beside the copy: bytes=%s", size)
        return True


def listening(
    call: Callable[..., int | None], hear: Callable[[int | None, str], None]
) -> Callable[..., int | None]:
    """Return what runs a program for Patroni, and tells how pg_basebackup ended and what it said."""

    def called(command: list[str], **settings: Any) -> int | None:  # noqa: ANN401 - Patroni's own
        if Path(command[0]).name != "pg_basebackup":
            return call(command, **settings)
        said: dict[str, bytes] = {}
        code = call(command, communicate=said, **settings)
        hear(code, said.get("stderr", b"").decode(errors="replace"))
        return code

    return called
