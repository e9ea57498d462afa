"""The data that a copy of the primary replaces: it stays beside the copy until that streams.

All steps are renames and marks on the volume, so that whatever ends the container in between, the next one
finds either the former data or the whole copy.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_USELESS = (".obsolete", ".failed")
"""Former data that is being deleted, and what Patroni moves away after a failed initdb."""
_PRIVATE = 0o700
"""Storage drivers that apply fsGroup to the whole volume open what lies beside PGDATA to the group."""


class FormerData:
    """PGDATA, and beside it `.replaced`, the former data, and `.copying`, the mark of an unfinished copy."""

    def __init__(self, folder: str) -> None:
        self._data = Path(folder)
        self._former = self._beside(".replaced")
        self._mark = self._beside(".copying")

    @property
    def kept(self) -> bool:
        """Whether there is former data."""
        return self._former.exists()

    @property
    def unfinished(self) -> bool:
        """Whether PGDATA is a copy that is not complete."""
        return self._mark.exists()

    @property
    def whole(self) -> bool:
        """Whether all of it is in PGDATA, and can be renamed: no tablespace or WAL lies elsewhere."""
        wal, spaces = self._data / "pg_wal", self._data / "pg_tblspc"
        links = [wal, *(spaces.iterdir() if spaces.is_dir() else ())]
        return not any(link.is_symlink() for link in links)

    def empty(self) -> bool:
        """Whether PGDATA holds nothing."""
        return not self._data.exists() or not any(self._data.iterdir())

    def set_aside(self) -> None:
        """Make room for a copy, of the same volume: rename PGDATA."""
        logger.warning("Kept the former data until the copy streams: folder=%s", self._former)
        self._data.rename(self._former)
        self._sync()

    def begin(self) -> None:
        """Note that PGDATA is an unfinished copy from now on; a new volume has not even its folder."""
        self._data.parent.mkdir(parents=True, exist_ok=True)
        self._mark.touch()
        self._sync()

    def complete(self) -> None:
        """Note that the copy is complete."""
        self._mark.unlink(missing_ok=True)
        self._sync()

    def restore(self) -> None:
        """Undo a copy that failed or was interrupted, if there was one; former data takes its place again.

        The mark goes before the former data comes back, for what it marks is deleted.
        """
        if self.unfinished:
            if self._data.exists():
                shutil.rmtree(self._data)
            self.complete()
        if self.kept and self.empty():
            logger.warning("Took the former data back: folder=%s", self._former)
            with suppress(FileNotFoundError):
                self._data.rmdir()
            self._former.chmod(_PRIVATE)
            self._former.rename(self._data)
            self._sync()

    def give_up(self) -> None:
        """Declare the former data obsolete, for the copy streams."""
        if self.kept and not self.unfinished:
            self._former.rename(self._beside(_USELESS[0]))
            self._sync()

    def clear(self) -> None:
        """Delete what is obsolete, which may take long."""
        for suffix in _USELESS:
            folder = self._beside(suffix)
            if folder.exists():
                logger.info("Deleting data that has been replaced: folder=%s", folder)
                shutil.rmtree(folder)

    def size(self) -> int:
        """Return how many bytes of the volume PGDATA takes."""
        found = ((Path(folder) / name).lstat() for folder, _, names in os.walk(self._data) for name in names)
        return sum(file.st_blocks * 512 for file in found)

    def free(self) -> int:
        """Return how many bytes may still be written to the volume."""
        found = os.statvfs(self._data.parent)
        return found.f_bavail * found.f_frsize

    def _beside(self, suffix: str) -> Path:
        return self._data.with_name(f"{self._data.name}{suffix}")

    def _sync(self) -> None:
        """Make the order of these steps last, should the node fail."""
        descriptor = os.open(self._data.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
