"""Databases, their schemas and extensions."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from controller.observe.access.state import Access, Contents, DatabaseState, Entry
from controller.plan.step import Complaint, Step
from controller.postgresql.statements.databases import (
    AlterDatabase,
    CreateDatabase,
    CreateExtension,
    DropDatabase,
    MoveExtension,
    SetSchema,
    UpdateExtension,
)
from schemas.api.access import Database, Extension, extension
from schemas.api.types import PostgreSQLDatabase
from schemas.postgresql.extensions import library

_LOCALE = "C.UTF-8"


def databases(db: PostgreSQLDatabase, access: Access) -> Iterator[Step | Complaint]:
    """Make databases that are missing, and set what differs of the others."""
    for database in db.spec.databases:
        entry, found = Entry("databases", database.name), access.databases.get(database.name)
        owner = database.owner or db.spec.owner
        limit = None if database.connection_limit is UNSET else database.connection_limit
        if found is None:
            yield Step(entry, _creation(database, owner, limit))
            continue
        if not found.connectable:
            yield Complaint(entry, "takes no connections: ALTER DATABASE … ALLOW_CONNECTIONS true", ends=True)
            continue
        if database.name != db.spec.database and (words := _otherwise(database, found)):
            yield Complaint(entry, words)
        others = found.owner != owner, limit not in (None, found.connection_limit)
        if any(others):
            new_owner, new_limit = owner if others[0] else None, limit if others[1] else None
            yield Step(entry, AlterDatabase(database.name, new_owner, new_limit))


def contents(db: PostgreSQLDatabase, access: Access) -> Iterator[Step | Complaint]:
    """Make what is missing in databases that there are; in a new one, when it is there."""
    for database in db.spec.databases:
        found = access.databases.get(database.name)
        if found is not None and found.contents is not None:
            yield from _schemas(db, database, found.contents)
            yield from _extensions(database, found.contents, access)


def dropped_databases(db: PostgreSQLDatabase, access: Access) -> Iterator[Step]:
    """Drop the databases whose entries were taken out, and whose last state said so."""
    left = {database.name for database in db.spec.databases} | {db.spec.database}
    for status in db.status.databases:
        if status.reclaim == "Delete" and status.name not in left and status.name in access.databases:
            yield Step(Entry("databases", status.name), DropDatabase(status.name))


def _creation(database: Database, owner: str, limit: int | None) -> CreateDatabase:
    return CreateDatabase(
        database.name,
        owner,
        database.encoding,
        database.locale_provider,
        database.locale or _LOCALE,
        limit,
    )


def _otherwise(database: Database, found: DatabaseState) -> str:
    """Say how a database was made otherwise than declared; "" if it was not."""
    declared = (database.encoding.upper(), database.locale_provider, database.locale or _LOCALE)
    made = (found.encoding, found.provider, found.locale)
    if made == declared:
        return ""
    return f"is there, and was made with {', '.join(made)}, which cannot change; declare that"


def _schemas(db: PostgreSQLDatabase, database: Database, found: Contents) -> Iterator[Step | Complaint]:
    entry = Entry("databases", database.name)
    for schema in database.schemas:
        if schema.name in found.reserved:
            yield Complaint(entry, f"schema {schema.name} belongs to extension {found.reserved[schema.name]}")
            continue
        owner = schema.owner or database.owner or db.spec.owner
        if (held := found.schemas.get(schema.name)) != owner:
            yield Step(entry, SetSchema(database.name, schema.name, owner, absent=held is None))


def _extensions(database: Database, found: Contents, access: Access) -> Iterator[Step | Complaint]:
    entry = Entry("databases", database.name)
    for wanted in map(extension, database.extensions):
        held = found.extensions.get(wanted.name)
        version = wanted.version or found.available.get(wanted.name)
        if held is None:
            yield from _installation(entry, database, wanted, found, access)
            continue
        if version and version != held.version:
            yield Step(entry, UpdateExtension(database.name, wanted.name, version))
        if wanted.schema and wanted.schema != held.schema:
            yield Step(entry, MoveExtension(database.name, wanted.name, wanted.schema))


def _installation(
    entry: Entry, database: Database, wanted: Extension, found: Contents, access: Access
) -> Iterator[Step | Complaint]:
    needed = library(wanted.name)
    if wanted.name not in found.available:
        yield Complaint(entry, f"the image has no extension {wanted.name}")
    elif needed and needed not in access.loaded:
        yield Complaint(
            entry, f"extension {wanted.name} waits for the start that loads {needed}", passing=True
        )
    else:
        version, schema = wanted.version or None, wanted.schema or None
        yield Step(entry, CreateExtension(database.name, wanted.name, version, schema))
