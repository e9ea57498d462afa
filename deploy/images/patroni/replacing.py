"""Sets the data aside that a restore in place replaces, or takes it back; nothing is ever deleted here.

All are renames within the volume, done before Patroni looks at its data and only while nothing says that this
database is initialized: the controller takes that note away when the last instance has stopped.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

from controller.protocol.settings import REQUEST, RESTORE_DIRECTORY, ProtocolError, RestoreRequest

logger = logging.getLogger(__name__)

_PRIVATE = 0o700
"""Storage drivers that apply fsGroup to the whole volume open what lies beside PGDATA to the group."""


def requested(file: Path = Path(RESTORE_DIRECTORY, REQUEST)) -> RestoreRequest | None:
    """Return the request of a restore in place; None if there is none."""
    try:
        request = RestoreRequest.read(file.read_text())
    except (OSError, ProtocolError):
        return None
    return request if request.aside else None


def begin_timeline() -> None:
    """Have PostgreSQL begin a timeline on the data that came back. Raises CalledProcessError."""
    subprocess.run(["keddah-backup", "restore", f"--request={RESTORE_DIRECTORY}/{REQUEST}"], check=True)


def prepare(
    folder: str,
    request: RestoreRequest | None,
    initialize: str | None,
    begin: Callable[[], None] = begin_timeline,
) -> str:
    """Have PGDATA as the request says, and return by what mark the controller knows that it is done.

    `initialize`: Patroni's note about the database. What has been set aside under this name already is left.
    """
    data = Path(folder)
    if request is None or not data.parent.exists():
        return ""
    kept, undone = _beside(data, request.aside), _beside(data, f"{request.aside}.undone")
    if initialize is None:
        if request.back:
            _swap(data, kept, undone, begin)
        elif not kept.exists() and _filled(data):
            logger.warning("Setting the data aside that is to be replaced: folder=%s", kept)
            data.rename(kept)
    done = _filled(data) and not kept.exists() if request.back else kept.exists()
    return request.mark if done else ""


def _swap(data: Path, kept: Path, undone: Path, begin: Callable[[], None]) -> None:
    """Take the former data back, and have it go on; what was restored stays, too."""
    mark = _beside(data, "back")
    if _filled(data) and not undone.exists() and kept.exists():
        data.rename(undone)
    if not _filled(data) and kept.exists():
        logger.warning("Took the former data back: folder=%s", kept)
        mark.touch()
        if data.exists():
            data.rmdir()
        kept.rename(data)
        data.chmod(_PRIVATE)
    if mark.exists():
        begin()
        mark.unlink()


def _filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _beside(data: Path, suffix: str) -> Path:
    return data.with_name(f"{data.name}.{suffix}")
