"""Why the data of this member is useless, as far as it can tell; only what is certain counts."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

_WRONG = ("CRC checksum does not match", "No such file or directory", ": read ")
"""pg_controldata (controldata_utils.c, get_controlfile): another checksum, no file, a short one.

That it may not read the file, or the volume fails, says nothing about the data.
"""


class Damage:
    """Remembers what was found; a failed rewind until the member streams again, or is a copy."""

    def __init__(self) -> None:
        self.found = ""
        """One of DAMAGE of the protocol; "" for nothing."""

    def changed(self, *, runs: bool, follows: bool, rewind_failed: bool, inspect: Callable[[], str]) -> bool:
        """Look at the server, or at its files if it does not run; return whether the report changes."""
        before = self.found
        went_its_own_way = rewind_failed or before == "diverged"
        lost = "" if runs else inspect()
        self.found = "" if follows else lost or ("diverged" if went_its_own_way else "")
        if self.found != before:
            logger.warning("Data of this member: damage=%s", self.found or "none")
        return self.found != before

    def forget(self) -> None:
        """Forget it all: there is other data now."""
        self.found = ""


def inspect(folder: str, program: str) -> str:
    """Return what is wrong with the data of a server that does not run; `program` is pg_controldata."""
    data = Path(folder)
    if not data.is_dir() or not any(data.iterdir()):
        return ""
    try:
        (data / "PG_VERSION").stat()
    except FileNotFoundError:
        return "version-file"
    except OSError:
        return ""
    return "control-file" if any(words in _said(program, folder) for words in _WRONG) else ""


def _said(*command: str) -> str:
    """Run a program, and return what it says in English."""
    try:
        done = subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False)
    except OSError as error:
        return type(error).__name__
    return done.stdout + done.stderr
