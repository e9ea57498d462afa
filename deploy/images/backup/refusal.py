"""Keeps a restore from being tried again whose answer is final.

The container ends with the answer, which is its termination message, and is started again. The next attempt
waits here, so that the answer stays to be seen and nothing is restarted for it. Another pod asks once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from controller.protocol.settings import RUN_DIRECTORY

from .pgbackrest import Log

FILE: Final = Path(RUN_DIRECTORY, "refused")
"""What was asked for, as a digest. The volume outlives the container, and not the pod."""
LOOK_SECONDS: Final = 5.0


def note(asked: str, file: Path = FILE) -> None:
    """Note that this request was refused for good."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(_digest(asked))


def wait(asked: Callable[[], str], pause: Callable[[float], None], log: Log, file: Path = FILE) -> None:
    """Wait as long as what is asked for is what was refused."""
    said = False
    while _refused(asked, file):
        if not said:
            log("The restore is not tried again: its answer is final until something else is asked for")
        said = True
        pause(LOOK_SECONDS)


def _refused(asked: Callable[[], str], file: Path) -> bool:
    """Whether that is so; a request that is gone asks for nothing else."""
    try:
        before = file.read_text()
    except FileNotFoundError:
        return False
    try:
        return before == _digest(asked())
    except OSError:
        return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
