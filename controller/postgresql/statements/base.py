"""What all statements have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from psycopg import sql

MAINTENANCE: Final = "postgres"
"""The database for what concerns the whole server."""

SQL: TypeAlias = sql.Composed


class Statement(Protocol):
    """One step in one database; `render` may give more than one statement, for one transaction."""

    @property
    def database(self) -> str:
        """Where it is executed."""

    def render(self) -> Iterable[SQL]:
        """Return the SQL, quoted."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class OfServer:
    """About the whole server: roles and databases."""

    @property
    def database(self) -> str:
        """Where it is executed."""
        return MAINTENANCE


@dataclass(frozen=True, slots=True)
class OfDatabase:
    """About what is in one database."""

    database: str


def name(text: str) -> sql.Identifier:
    """Quote a name."""
    return sql.Identifier(text)
