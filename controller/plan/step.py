"""One step about an entry, or a word about why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from controller.observe.access.state import Entry
from controller.postgresql.statements.base import Statement


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, and the entry that it is for."""

    entry: Entry
    statement: Statement


@dataclass(frozen=True, slots=True)
class Failure:
    """What a server refused; no entry: the connection was lost, and with it all that was still to come."""

    entry: Entry | None
    words: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why an entry cannot become as declared."""

    entry: Entry
    words: str
    passing: bool = False
    """Whether it ends by itself: nobody has to act."""
    ends: bool = False
    """Whether nothing else of the entry is tried."""
