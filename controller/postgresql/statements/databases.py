"""Statements about databases, and about schemas and extensions in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from controller.postgresql.statements.base import SQL, OfDatabase, OfServer, name


@dataclass(frozen=True, slots=True)
class CreateDatabase(OfServer):
    """Make a database."""

    name: str
    owner: str
    encoding: str
    provider: str
    locale: str
    connection_limit: int | None = None

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted; the template is the one that takes every encoding and locale."""
        own = {"builtin": "BUILTIN_LOCALE", "icu": "ICU_LOCALE"}.get(self.provider)
        options = [
            sql.SQL("OWNER {}").format(name(self.owner)),
            sql.SQL("TEMPLATE template0"),
            sql.SQL("ENCODING {}").format(sql.Literal(self.encoding)),
            sql.SQL("LOCALE_PROVIDER {}").format(sql.SQL(self.provider)),
            sql.SQL("LOCALE {}").format(sql.Literal("C.UTF-8" if own else self.locale)),
        ]
        if own:
            options.append(sql.SQL("{} {}").format(sql.SQL(own), sql.Literal(self.locale)))
        if self.connection_limit is not None:
            options.append(sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(self.connection_limit)))
        yield sql.SQL("CREATE DATABASE {} {}").format(name(self.name), sql.SQL(" ").join(options))

    def __str__(self) -> str:
        return f"create database {self.name}"


@dataclass(frozen=True, slots=True)
class AlterDatabase(OfServer):
    """Set owner or connection limit of a database; None is left as it is."""

    name: str
    owner: str | None = None
    connection_limit: int | None = None

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        if self.owner is not None:
            yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name(self.name), name(self.owner))
        if self.connection_limit is not None:
            limit = sql.Literal(self.connection_limit)
            yield sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(name(self.name), limit)

    def __str__(self) -> str:
        return f"alter database {self.name}"


@dataclass(frozen=True, slots=True)
class DropDatabase(OfServer):
    """Drop a database with its data; connections to it are closed."""

    name: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name(self.name))

    def __str__(self) -> str:
        return f"drop database {self.name}"


@dataclass(frozen=True, slots=True)
class SetSchema(OfDatabase):
    """Make a schema, or give it its owner."""

    schema: str
    owner: str
    absent: bool

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        verb = "CREATE SCHEMA {} AUTHORIZATION {}" if self.absent else "ALTER SCHEMA {} OWNER TO {}"
        yield sql.SQL(verb).format(name(self.schema), name(self.owner))

    def __str__(self) -> str:
        return f"{'create' if self.absent else 'alter'} schema {self.schema} in {self.database}"


@dataclass(frozen=True, slots=True)
class CreateExtension(OfDatabase):
    """Install an extension, with those that it needs."""

    extension: str
    version: str | None = None
    schema: str | None = None

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        where = sql.SQL(" SCHEMA {}").format(name(self.schema)) if self.schema else sql.SQL("")
        which = sql.SQL(" VERSION {}").format(sql.Literal(self.version)) if self.version else sql.SQL("")
        # It goes where it asks for, or where one goes that anybody else creates, and not into pg_catalog.
        yield sql.SQL("SET search_path TO public, pg_temp").format()
        yield sql.SQL("CREATE EXTENSION {}{}{} CASCADE").format(name(self.extension), where, which)
        yield sql.SQL("RESET search_path").format()

    def __str__(self) -> str:
        return f"create extension {self.extension} in {self.database}"


@dataclass(frozen=True, slots=True)
class UpdateExtension(OfDatabase):
    """Update an extension to a version."""

    extension: str
    version: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        version = sql.Literal(self.version)
        yield sql.SQL("ALTER EXTENSION {} UPDATE TO {}").format(name(self.extension), version)

    def __str__(self) -> str:
        return f"update extension {self.extension} in {self.database} to {self.version}"


@dataclass(frozen=True, slots=True)
class MoveExtension(OfDatabase):
    """Move an extension into another schema."""

    extension: str
    schema: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("ALTER EXTENSION {} SET SCHEMA {}").format(name(self.extension), name(self.schema))

    def __str__(self) -> str:
        return f"move extension {self.extension} in {self.database} to schema {self.schema}"
