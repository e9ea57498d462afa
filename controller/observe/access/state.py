"""Databases and roles as the server has them: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from controller.certificates.keys import DatabaseKeys
from controller.postgresql.verifier import Verifier
from schemas.api.access import Access as Word
from schemas.api.types import PostgreSQLDatabase

List = Literal["databases", "roles"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of spec.databases or spec.roles."""

    list: List
    name: str


@dataclass(frozen=True, slots=True)
class RoleState:
    """A role."""

    login: bool
    connection_limit: int
    valid_until: datetime | None
    """None for ever."""
    attributes: frozenset[str]
    """Those of the API's words that it has."""
    superuser: bool
    verifier: Verifier | None
    groups: frozenset[str]
    """The roles that it is a member of."""
    present_in: frozenset[str] = frozenset()
    """Databases in which something is its own or granted to it; "" for databases themselves."""
    settings: frozenset[str] = frozenset()
    """What its sessions begin with, as `name=value`."""
    settings_in: frozenset[tuple[str, str]] = frozenset()
    """What they begin with in one database, each with that."""
    owns_in: frozenset[str] = frozenset()
    """Databases in which something is its own."""
    connected: bool = False
    """Whether anybody is logged in as it."""


@dataclass(frozen=True, slots=True)
class Right:
    """A grant of a role in one database."""

    role: str
    schema: str
    """"" for the whole database."""
    access: Word


@dataclass(frozen=True, slots=True)
class ExtensionState:
    """An extension that is installed."""

    version: str
    schema: str


class Relation(NamedTuple):
    """A table or view, or a sequence."""

    schema: str
    name: str
    sequence: bool


class Default(NamedTuple):
    """Privileges that somebody gets on what a creator makes."""

    role: str
    creator: str
    schema: str
    """"" for all of them."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a database."""

    schemas: Mapping[str, str]
    """Schemas, but PostgreSQL's own and those of extensions, each with its owner."""
    extensions: Mapping[str, ExtensionState]
    available: Mapping[str, str]
    """Extensions that the image has, each with its default version."""
    lacking: frozenset[Right]
    """What is declared and not, or not all, in place."""
    relations: Mapping[Right, tuple[Relation, ...]] = field(default_factory=dict)
    """On what a right is to be given."""
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Schemas that belong to an extension, each with that."""
    defaults: frozenset[Default] = frozenset()
    """Default privileges that there are."""


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database."""

    owner: str
    encoding: str
    provider: str
    locale: str
    connection_limit: int
    connectable: bool = True
    contents: Contents | None = None
    """Of those that are declared."""


@dataclass(frozen=True, slots=True)
class Access:
    """All that was found, or why nothing was."""

    keys: DatabaseKeys | None = None
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passwords by role, where the user has given them."""
    roles: Mapping[str, RoleState] = field(default_factory=dict)
    databases: Mapping[str, DatabaseState] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    """Libraries that the server was started with."""
    revoked: frozenset[tuple[str, Right]] = frozenset()
    """By database: former rights that were taken back already, since they were reported."""
    unreachable: str = ""
    written: int = 0
    """How far the primary has written its WAL, in bytes."""
    replayed: int | None = None
    """How far the last of the standbys that stream can be read; None if none does."""


def rights(db: PostgreSQLDatabase, database: str) -> tuple[Right, ...]:
    """Return what is declared of access to one database."""
    return tuple(
        Right(role.name, grant.schema or "", grant.access)
        for role in db.spec.roles
        for grant in role.grants
        if grant.database == database
    )


def trusted(contents: Contents | None, roles: Mapping[str, RoleState]) -> dict[str, str]:
    """Return the schemas in which keddah gives access: not those of superusers, where their code may be."""
    owners = contents.schemas if contents else {}
    return {name: owner for name, owner in owners.items() if not _superuser(owner, roles)}


def covered(right: Right, schemas: Mapping[str, str]) -> tuple[str, ...]:
    """Return the schemas that a right is about, as far as they exist."""
    return tuple(sorted(name for name in schemas if right.schema in ("", name)))


def creators(
    db: PostgreSQLDatabase,
    database: str,
    right: Right,
    owner: str,
    schemas: Mapping[str, str],
    roles: Mapping[str, RoleState],
) -> tuple[str, ...]:
    """Return whose future tables a right is about: owners, and who may create by another right.

    What is created by others, who may do so by other ways, cannot be foreseen (ALTER DEFAULT PRIVILEGES), and
    what superusers create is nobody's.
    """
    within = covered(right, schemas)
    others = {
        each.role
        for each in rights(db, database)
        if each.access == "Owner" and set(covered(each, schemas)) & set(within)
    }
    found = {owner, *(schemas[name] for name in within), *others} - {right.role}
    return tuple(sorted(name for name in found if name[:3] != "pg_" and not _superuser(name, roles)))


def _superuser(role: str, roles: Mapping[str, RoleState]) -> bool:
    return role in roles and roles[role].superuser
