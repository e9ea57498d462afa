"""Statements about access to databases and schemas, in the three words of the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from psycopg import sql

from controller.postgresql.statements.base import SQL, OfDatabase, name
from schemas.api.access import Access

_TABLES: Final[dict[Access, tuple[str, ...]]] = {
    "Read": ("SELECT",),
    "Write": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "Owner": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES"),
}
"""Not TRIGGER: a trigger's function is executed as whoever writes to the table."""
_SEQUENCES: Final[dict[Access, tuple[str, ...]]] = {
    "Read": ("SELECT",),
    "Write": ("SELECT", "USAGE", "UPDATE"),
    "Owner": ("SELECT", "USAGE", "UPDATE"),
}
_SCHEMAS: Final[dict[Access, tuple[str, ...]]] = {
    "Read": ("USAGE",),
    "Write": ("USAGE",),
    "Owner": ("USAGE", "CREATE"),
}


@dataclass(frozen=True, slots=True)
class GrantAccess(OfDatabase):
    """Give a role access to schemas, to relations in them, and to what `creators` make in them later."""

    role: str
    access: Access
    schemas: tuple[str, ...]
    """The schemas that there are."""
    relations: tuple[tuple[str, str, bool], ...]
    """Schema and name of each table, and whether it is a sequence."""
    creators: tuple[str, ...]
    whole: bool
    """Whether it is about the whole database: then later schemas count too."""

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        role, database = name(self.role), name(self.database)
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role)
        if self.schemas:
            schemas = sql.SQL(", ").join(map(name, self.schemas))
            yield _grant(_SCHEMAS[self.access], "SCHEMA", schemas, role)
        for what, words, sequence in (("TABLE", _TABLES, False), ("SEQUENCE", _SEQUENCES, True)):
            found = [sql.Identifier(*each[:2]) for each in self.relations if each[2] is sequence]
            if found:
                yield _grant(words[self.access], what, sql.SQL(", ").join(found), role)
        places = [""] if self.whole else self.schemas
        for creator, place in product(self.creators, places):
            for what in (*_MADE, *(() if place else ("SCHEMAS",))):
                rights = sql.SQL(", ".join(_KINDS[what][self.access]))
                verb = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {}{} GRANT {} ON {} TO {}")
                yield verb.format(name(creator), _within(place), rights, sql.SQL(what), role)

    def __str__(self) -> str:
        return (
            f"grant {self.access} on {_where(self.database, self.schemas, whole=self.whole)} to {self.role}"
        )


@dataclass(frozen=True, slots=True)
class RevokeAccess(OfDatabase):
    """Take access away again: all privileges, also on what is made later."""

    role: str
    schemas: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...]
    """Creators for whose work it has default privileges, each with the schema, or "" for all."""
    whole: bool

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        role, database = name(self.role), name(self.database)
        if self.whole:
            yield sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {}").format(database, role)
        for creator, place in self.defaults:
            for what in (*_MADE, *(() if place else ("SCHEMAS",))):
                verb = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {}{} REVOKE ALL ON {} FROM {}")
                yield verb.format(name(creator), _within(place), sql.SQL(what), role)
        for schema in map(name, self.schemas):
            for what in ("ALL TABLES IN ", "ALL SEQUENCES IN ", ""):
                yield sql.SQL("REVOKE ALL ON {}SCHEMA {} FROM {}").format(sql.SQL(what), schema, role)

    def __str__(self) -> str:
        return f"revoke access to {_where(self.database, self.schemas, whole=self.whole)} from {self.role}"


@dataclass(frozen=True, slots=True)
class Regrant(OfDatabase):
    """Take access away and give other in its place, so that what both have in common is never missing."""

    role: str
    former: tuple[RevokeAccess, ...]
    declared: tuple[GrantAccess, ...]

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        for former in self.former:
            yield from former.render()
        for declared in self.declared:
            yield from declared.render()

    def __str__(self) -> str:
        return "; ".join(map(str, (*self.former, *self.declared)))


_MADE: Final = ("TABLES", "SEQUENCES")
_KINDS: Final = {"TABLES": _TABLES, "SEQUENCES": _SEQUENCES, "SCHEMAS": _SCHEMAS}


def tables(access: Access) -> tuple[str, ...]:
    """Return the privileges on tables that a word stands for."""
    return _TABLES[access]


def sequences(access: Access) -> tuple[str, ...]:
    """Return the privileges on sequences that a word stands for."""
    return _SEQUENCES[access]


def schemas(access: Access) -> tuple[str, ...]:
    """Return the privileges on a schema that a word stands for."""
    return _SCHEMAS[access]


def _grant(words: tuple[str, ...], what: str, on: sql.Composable, role: sql.Identifier) -> SQL:
    rights = sql.SQL(", ".join(words))
    return sql.SQL("GRANT {} ON {} {} TO {}").format(rights, sql.SQL(what), on, role)


def _within(schema: str) -> sql.Composable:
    return sql.SQL(" IN SCHEMA {}").format(name(schema)) if schema else sql.SQL("")


def _where(database: str, within: tuple[str, ...], *, whole: bool) -> str:
    return database if whole else f"{database}.{', '.join(within)}"
