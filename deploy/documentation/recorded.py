"""What was recorded of real databases, for pictures: the status of one, and what a board shows of one.

`python -m deploy.documentation.record` writes it, into `recorded/`; each says where it is from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from kubectl_pgdb.objects import Database

FOLDER: Final = Path(__file__).parent / "recorded"
STATUS: Final = "status.json"
BOARD: Final = "board.json"


@dataclass(frozen=True)
class Status:
    """What `kubectl pgdb status NAME -o json` printed, and when."""

    origin: str
    at: datetime
    database: Database


@dataclass(frozen=True)
class Curve:
    """One series of a panel: a value for each moment, None where there was none; of a number, the last."""

    name: str
    values: list[float | None]


@dataclass(frozen=True)
class Board:
    """What every panel showed at the same moments."""

    origin: str
    begin: datetime
    step_seconds: int
    panels: dict[str, list[Curve]] = field(default_factory=dict)
    """By the heading of the row and the title: `Load / Transactions`."""


def status() -> Status:
    """Return the recorded status."""
    return msgspec.json.decode((FOLDER / STATUS).read_bytes(), type=Status)


def board() -> Board | None:
    """Return the recorded board; None as long as there is none."""
    file = FOLDER / BOARD
    return msgspec.json.decode(file.read_bytes(), type=Board) if file.is_file() else None
