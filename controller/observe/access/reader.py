"""Reads databases and roles from a primary, and what their passwords are made of."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from controller.desired import names
from controller.kube.objects import entry_of
from controller.observe.access import queries
from controller.observe.access.credentials import Credentials, credentials, needed
from controller.observe.access.state import (
    Access,
    Contents,
    DatabaseState,
    Default,
    ExtensionState,
    Relation,
    Right,
    RoleState,
    covered,
    creators,
    rights,
    trusted,
)
from controller.postgresql.client import Address, SqlError, Unreachable
from controller.postgresql.statements.access import schemas as usage
from controller.postgresql.statements.access import sequences, tables
from controller.postgresql.statements.base import MAINTENANCE
from controller.postgresql.verifier import Verifier
from schemas.postgresql.extensions import loaded as loaded_libraries
from schemas.rules.access.names import databases as declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.observe.instances.instance import Instance
    from controller.observe.secrets import SecretReader
    from controller.postgresql.client import PostgreSQL, Session
    from schemas.api.access import RoleStatus
    from schemas.api.types import PostgreSQLDatabase

_ATTRIBUTES = ("CreateDatabase", "CreateRole", "Replication", "BypassRowSecurity")
"""In the order of the columns."""


def address(db: PostgreSQLDatabase, primary: Instance) -> Address:
    """Return where the server of an instance is."""
    return Address(primary.ip, names.pod_host(db.metadata.name, db.metadata.namespace, primary.ordinal))


class AccessReader:
    """Reads over connections of its own: one for the server, and one for each database that is declared."""

    def __init__(self, secrets: SecretReader, postgresql: PostgreSQL) -> None:
        self._secrets = secrets
        self._postgresql = postgresql

    async def read(self, db: PostgreSQLDatabase, primary: Instance) -> Access:
        """Return what there is; what keeps from reading it is said in the result."""
        namespace, name = db.metadata.namespace, names.keys_secret(db.metadata.name)
        given = {
            role.name: role.password.secret.name
            for role in db.spec.roles
            if role.password and role.password.secret
        }
        found = await self._secrets.named(namespace, [*needed(db), *given.values()])
        opened = credentials(db, found)
        if opened is None:
            return Access(unreachable=f"Secret {name} is missing or damaged; it is restored first")
        passwords = {
            role: text for role, secret in given.items() if (text := entry_of(found.get(secret), "password"))
        }
        at = address(db, primary)
        try:
            async with self._postgresql.session(
                at, MAINTENANCE, opened.keys.authority, opened.trusted
            ) as session:
                roles, databases = await _roles(session), await _databases(session)
                [[loaded]] = await session.rows(queries.LOADED)
                [[written, replayed]] = await session.rows(queries.POSITION)
            wanted = [
                name for name, each in databases.items() if each.connectable and name in declared(db.spec)
            ]
            contents = await asyncio.gather(
                *(self._contents(db, at, each, databases[each], roles, opened) for each in wanted)
            )
        except (Unreachable, SqlError) as error:
            return Access(unreachable=str(error))
        states = databases | dict(zip(wanted, contents, strict=True))
        return Access(
            opened.keys,
            passwords,
            roles,
            states,
            frozenset(loaded_libraries(loaded)),
            written=int(written),
            replayed=None if replayed is None else int(replayed),
        )

    async def _contents(
        self,
        db: PostgreSQLDatabase,
        at: Address,
        name: str,
        state: DatabaseState,
        roles: Mapping[str, RoleState],
        opened: Credentials,
    ) -> DatabaseState:
        async with self._postgresql.session(at, name, opened.keys.authority, opened.trusted) as session:
            schemas = await session.rows(queries.SCHEMAS)
            contents = Contents(
                {name: owner for name, owner, extension in schemas if not extension},
                {
                    name: ExtensionState(version, schema)
                    for name, version, schema in await session.rows(queries.EXTENSIONS)
                },
                dict(await session.rows(queries.AVAILABLE)),
                frozenset(),
                {},
                {name: extension for name, _, extension in schemas if extension},
                frozenset(Default(*row) for row in await session.rows(queries.DEFAULTS)),
            )
            lacking, relations = set[Right](), dict[Right, tuple[Relation, ...]]()
            for right in rights(db, name):
                owners = trusted(contents, roles)
                makers = creators(db, name, right, state.owner, owners, roles)
                found = await _relations(session, db, right, makers, covered(right, owners))
                relations[right] = found.relations
                if found.lacking:
                    lacking.add(right)
        contents = replace(contents, lacking=frozenset(lacking), relations=relations)
        return replace(state, contents=contents)


class _Found(NamedTuple):
    relations: tuple[Relation, ...]
    lacking: bool


async def _relations(
    session: Session, db: PostgreSQLDatabase, right: Right, makers: tuple[str, ...], within: tuple[str, ...]
) -> _Found:
    """Return the relations that a right is to be given on, and whether anything of it is lacking.

    Of a role whose former rights may have to be taken back it is every relation.
    """
    if right.schema and not within:
        return _Found((), lacking=True)
    parameters = {
        "role": right.role,
        "schemas": list(within),
        "creators": list(makers),
        "whole": not right.schema,
        "every": any(status.name == right.role and _differs(status, db) for status in db.status.roles),
        "usage": list(usage(right.access)),
        "tables": list(tables(right.access)),
        "sequences": list(sequences(right.access)),
    }
    rows = await session.rows(queries.RELATIONS, parameters)
    complete = any(row[0] for row in await session.rows(queries.COMPLETE, parameters))
    lacking = not complete or any(row[3] for row in rows)
    return _Found(tuple(Relation(*row[:3]) for row in rows), lacking)


def _differs(status: RoleStatus, db: PostgreSQLDatabase) -> bool:
    declared = [role.grants for role in db.spec.roles if role.name == status.name]
    return any(grant not in declared[0] for grant in status.grants) if declared else False


async def _roles(session: Session) -> dict[str, RoleState]:
    roles = {row[0]: _role(*row[1:]) for row in await session.rows(queries.ROLES)}
    present, owns = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for role, database, owner in await session.rows(queries.PRESENT):
        present[role].add(database)
        owns[role] |= {database} if owner else set()
    return {
        name: replace(role, present_in=frozenset(present[name]), owns_in=frozenset(owns[name]))
        for name, role in roles.items()
    }


def _role(login: bool, limit: int, until: Any, *rest: Any) -> RoleState:  # noqa: ANN401, FBT001 - a row
    *held, superuser, password, groups, settings, settings_in, connected = rest
    attributes = frozenset(name for name, has in zip(_ATTRIBUTES, held, strict=True) if has)
    verifier = Verifier(password) if password else None
    return RoleState(
        login,
        limit,
        until,
        attributes,
        superuser,
        verifier,
        frozenset(groups),
        settings=frozenset(settings),
        settings_in=frozenset((database, line) for database, line in settings_in),
        connected=connected,
    )


async def _databases(session: Session) -> dict[str, DatabaseState]:
    return {row[0]: DatabaseState(*row[1:]) for row in await session.rows(queries.DATABASES)}


def _line(text: str) -> str:
    """Return a password without the end of its line, which files have, and nobody types."""
    return text.removesuffix("\n").removesuffix("\r")
