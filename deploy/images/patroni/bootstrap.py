"""A bootstrap that its container does not outlive begins again, so that no half of one is ever served.

Patroni notes in NAME-config that a bootstrap is under way (`initialize`, empty), and that note outlives the
container: every member would wait for ever, and data that is there would be started as it is. What was
restored but not finished has, among others, the passwords of its source.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from controller.protocol.settings import PROGRESS_FILE, REQUEST, RESTORE_DIRECTORY

logger = logging.getLogger(__name__)

UNDER_WAY = ""
"""What `initialize` is from the beginning of a bootstrap to its end; None before."""
RESTORE = "restore"
"""The bootstrap's method in patroni.yml, where the first data is another archive's."""
RESTORING = {
    "method": RESTORE,
    RESTORE: {"command": f"keddah-backup restore --request={RESTORE_DIRECTORY}/{REQUEST}", "no_params": True},
}
"""The same where data is restored in place, of which patroni.yml says nothing."""
_SHOWN = 100
"""Characters of the progress: it goes into the pod's annotation."""


class Mark:
    """A file beside PGDATA: what is in there is a bootstrap that has not ended, by this member."""

    def __init__(self, folder: str) -> None:
        data = Path(folder)
        self._data = data
        self._file = data.with_name(f"{data.name}.bootstrapping")

    def begin(self) -> None:
        """Note it, when Patroni has: another member may have been first."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch()
        self._sync()

    def end(self) -> None:
        """Note that PGDATA is the database's."""
        self._file.unlink(missing_ok=True)
        self._sync()

    def undo(self, store: Any, method: str) -> None:  # noqa: ANN401 - Patroni's DCS client
        """Undo what an earlier container began; `store` tells whether that was ever finished.

        Only the empty note says that it was not. Where there is none, nothing is deleted: it may be lost.
        While a database is restored it has one member only, so nobody else can have begun.
        """
        if not self._file.exists() and method != RESTORE:
            return
        initialize = store.get_cluster().initialize
        if initialize == UNDER_WAY:
            logger.warning("Beginning again, for the bootstrap was interrupted: folder=%s", self._data)
            if self._data.exists():
                shutil.rmtree(self._data)
            store.cancel_initialization()
        if initialize is not None and self._file.exists():
            self.end()

    def _sync(self) -> None:
        descriptor = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def progress(file: Path = Path(PROGRESS_FILE)) -> str:
    """Return how far the restore of this member's first data is, in words; "" while nothing is restored.

    The program that restores it has written it down.
    """
    try:
        return file.read_text()[:_SHOWN]
    except (OSError, UnicodeDecodeError):
        return ""
