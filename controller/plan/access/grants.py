"""Access of roles to databases and schemas, in the three words of the API."""

from __future__ import annotations

from collections.abc import Iterator

from controller.observe.access.state import (
    Access,
    Contents,
    Entry,
    Right,
    covered,
    creators,
    rights,
    trusted,
)
from controller.plan.step import Complaint, Step
from controller.postgresql.statements.access import GrantAccess, Regrant, RevokeAccess
from schemas.api.types import PostgreSQLDatabase


def grants(db: PostgreSQLDatabase, access: Access) -> Iterator[Step | Complaint]:
    """Give what is declared, and take back what was declared before; what was done by hand stays."""
    for name, database in access.databases.items():
        if database.contents is None:
            continue
        former = _former(db, name, access)
        for role in dict.fromkeys(right.role for right in (*former, *rights(db, name))):
            own = [each for each in former if each.role == role]
            yield from _of_role(db, access, name, database.contents, role, own)


def _of_role(
    db: PostgreSQLDatabase, access: Access, name: str, contents: Contents, role: str, former: list[Right]
) -> Iterator[Step | Complaint]:
    entry, schemas = Entry("roles", role), trusted(contents, access.roles)
    given: list[GrantAccess] = []
    for right in rights(db, name):
        # A revocation takes away what other grants of the role have in common with it.
        if right.role != role or not (former or right in contents.lacking):
            continue
        within = covered(right, schemas)
        if within or not right.schema:
            makers = creators(db, name, right, access.databases[name].owner, schemas, access.roles)
            relations = contents.relations.get(right, ())
            whole = not right.schema
            given.append(GrantAccess(name, role, right.access, within, relations, makers, whole))
        elif words := _without(db, name, contents, right.schema):
            yield Complaint(entry, words)
    if former:
        taken = tuple(_revocation(name, contents, right) for right in former)
        yield Step(entry, Regrant(name, role, taken, tuple(given)))
    else:
        yield from (Step(entry, each) for each in given)


def _without(db: PostgreSQLDatabase, name: str, contents: Contents, schema: str) -> str:
    """Say why there is no access to a schema; "" if there will be, once that is made."""
    if schema in contents.reserved:
        extension = contents.reserved[schema]
        return f"schema {schema} belongs to extension {extension}: access to it could be a superuser's"
    if schema in (each.name for one in db.spec.databases if one.name == name for each in one.schemas):
        return ""
    if schema in contents.schemas:
        return f"schema {schema} of database {name} belongs to a superuser: ALTER SCHEMA … OWNER TO"
    return f"database {name} has no schema {schema} yet"


def _former(db: PostgreSQLDatabase, database: str, access: Access) -> list[Right]:
    """Return the rights in one database that were given, and are not declared any more, or otherwise."""
    declared, left = set(rights(db, database)), {role.name for role in db.spec.roles}
    return [
        right
        for status in db.status.roles
        if status.name in left and status.name in access.roles
        for grant in status.grants
        if grant.database == database
        and (right := Right(status.name, grant.schema or "", grant.access)) not in declared
        and (database, right) not in access.revoked
    ]


def _revocation(name: str, contents: Contents, right: Right) -> RevokeAccess:
    defaults = sorted(
        (each.creator, each.schema)
        for each in contents.defaults
        if each.role == right.role and right.schema in ("", each.schema)
    )
    within = covered(right, {**contents.schemas, **contents.reserved})
    return RevokeAccess(name, right.role, within, tuple(defaults), whole=not right.schema)


def revoked(step: Step, db: PostgreSQLDatabase) -> frozenset[tuple[str, Right]]:
    """Return the former rights that a step has taken back."""
    statement = step.statement
    if not isinstance(statement, Regrant):
        return frozenset()
    return frozenset(
        (statement.database, Right(status.name, grant.schema or "", grant.access))
        for status in db.status.roles
        if status.name == statement.role
        for grant in status.grants
        if grant.database == statement.database
    )
