"""How far the restore of this member's first data is, as the program that restores it has written down."""

from __future__ import annotations

from pathlib import Path

from controller.protocol.settings import PROGRESS_FILE

_SHOWN = 100
"""Characters: it goes into the pod's annotation."""


def progress(file: Path = Path(PROGRESS_FILE)) -> str:
    """Return it in words; "" while nothing is restored."""
    try:
        return file.read_text()[:_SHOWN]
    except (OSError, UnicodeDecodeError):
        return ""
