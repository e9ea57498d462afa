"""Roles: what is set of them, of whom they are members, and those that go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import UNSET

from controller.certificates.keys import DatabaseKeys
from controller.desired.access import password_purpose
from controller.observe.access.state import Access, Entry, RoleState
from controller.plan.rotation import of_login
from controller.plan.step import Complaint, Step
from controller.postgresql.statements.base import MAINTENANCE
from controller.postgresql.statements.roles import (
    AlterRole,
    CreateRole,
    Disown,
    DropRole,
    EndSessions,
    GrantMembership,
    LockOut,
    RevokeMembership,
    Settings,
)
from controller.postgresql.verifier import Verifier, verifier
from schemas.api.access import Role
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes import moments
from schemas.rules.access.names import second_login
from schemas.rules.access.roles import with_owner
from schemas.verdict import listed

_WORDS: Final = {
    "CreateDatabase": "CREATEDB",
    "CreateRole": "CREATEROLE",
    "Replication": "REPLICATION",
    "BypassRowSecurity": "BYPASSRLS",
}


def roles(db: PostgreSQLDatabase, access: Access) -> Iterator[Step | Complaint]:
    """Make roles that are missing, and set what differs from what is said of them."""
    for role in with_owner(db.spec):
        entry, found = Entry("roles", role.name), access.roles.get(role.name)
        if found is not None and found.superuser:
            words = "is a superuser, which keddah leaves alone: ALTER ROLE … NOSUPERUSER"
            yield Complaint(entry, words, ends=True)
            continue
        if role.password and role.password.secret and role.name not in access.given:
            secret = role.password.secret.name
            words = f"Secret {secret} has no key `password`, or an empty one, or does not exist"
            yield Complaint(entry, words, ends=True)
            continue
        password = _password(db, role, access)
        settings = wanted(role, password, access.keys)
        if found is None:
            yield Step(entry, CreateRole(role.name, settings))
        elif (changes := differing(settings, found, password)) != Settings():
            yield Step(entry, AlterRole(role.name, changes))


def is_second(login: str, role: str, access: Access) -> bool:
    """Whether a role that has the name of another's second login is that."""
    found = access.roles.get(login)
    return found is not None and role in found.groups and becomes(role) in found.settings


def becomes(role: str) -> str:
    """Return the setting by which sessions of a second login are the role's."""
    return f"role={role}"


def locked_out(entry: Entry, name: str, role: RoleState) -> Iterator[Step]:
    """Let nobody be logged in as a role; sessions from the moment before are ended whoever locked it out."""
    if role.login:
        yield Step(entry, LockOut(name))
    if role.login or role.connected:
        yield Step(entry, EndSessions(name))


def closed_to(access: Access, databases: Iterable[str]) -> str:
    """Say which of these databases take no connections, so that nothing can be done there; "" for none."""
    states = ((name, access.databases.get(name)) for name in sorted(databases))
    closed = [name for name, state in states if state is not None and not state.connectable]
    return f"has something in {listed(closed, 3)}, which ALLOW_CONNECTIONS closes" if closed else ""


def memberships(db: PostgreSQLDatabase, access: Access) -> Iterator[Step]:
    """Make roles members of others, and end what was declared before; what was done by hand stays."""
    given = {status.name: status.member_of for status in db.status.roles}
    for role in db.spec.roles:
        entry, found = Entry("roles", role.name), access.roles.get(role.name)
        held = found.groups if found else frozenset()
        for group in role.member_of:
            if group not in held:
                yield Step(entry, GrantMembership(group, role.name))
        for group in given.get(role.name, ()):
            if group in held and group not in role.member_of:
                yield Step(entry, RevokeMembership(group, role.name))


def dropped_roles(db: PostgreSQLDatabase, access: Access) -> Iterator[Step | Complaint]:
    """Drop the roles whose entries were taken out, once nothing is theirs any more in any database."""
    left = {role.name for role in db.spec.roles} | {db.spec.owner}
    left |= {second_login(name) for name in left}
    gone = {status.name for status in db.status.databases if status.reclaim == "Delete"}
    gone -= {database.name for database in db.spec.databases} | {db.spec.database}
    former = [status.name for status in db.status.roles if status.name not in left]
    former += [login for name in former if (login := second_login(name)) and is_second(login, name, access)]
    # A superuser was never keddah's: the entry was only complained about.
    going = {
        name: role for name in former if (role := access.roles.get(name)) is not None and not role.superuser
    }
    for name, role in going.items():
        yield from locked_out(Entry("roles", name), name, role)
        if closed := closed_to(access, role.present_in - gone):
            yield Complaint(Entry("roles", name), closed, ends=True)
    # Database by database, each over one connection. Databases themselves are given away from any.
    for database in sorted({each for role in going.values() for each in role.present_in - gone}):
        for name, role in going.items():
            if database in role.present_in:
                yield Step(Entry("roles", name), Disown(database or MAINTENANCE, name, db.spec.owner))
    for name in going:
        yield Step(Entry("roles", name), DropRole(name))


def wanted(role: Role, password: str, keys: DatabaseKeys | None) -> Settings:
    """Return all that is said of a role, or of a login of its with that password."""
    attributes: tuple[tuple[str, bool], ...] = ()
    if role.attributes is not UNSET:
        attributes = tuple((word, name in role.attributes) for name, word in _WORDS.items())
    return Settings(
        login=role.login,
        connection_limit=None if role.connection_limit is UNSET else role.connection_limit,
        valid_until=moments.parse(role.valid_until) if role.valid_until else None,
        attributes=attributes,
        verifier=_verifier(role, password, keys) if password else None,
    )


def differing(wanted: Settings, found: RoleState, password: str) -> Settings:
    """Return what of it the server does not have."""
    held = {_WORDS[name] for name in found.attributes}
    fits = found.verifier is not None and found.verifier.fits(password)
    limit, until = wanted.connection_limit, wanted.valid_until
    return Settings(
        login=wanted.login if wanted.login != found.login else None,
        connection_limit=limit if limit != found.connection_limit else None,
        valid_until=until if until != found.valid_until else None,
        attributes=tuple((word, holds) for word, holds in wanted.attributes if holds != (word in held)),
        verifier=None if fits else wanted.verifier,
    )


def _password(db: PostgreSQLDatabase, role: Role, access: Access) -> str:
    """Return the password that a role should have; "" for one that has none."""
    if not role.login or access.keys is None:
        return ""
    purpose = password_purpose(db, role.name)
    return access.given.get(role.name) or access.keys.password(purpose, of_login(access.keys, purpose, 0))


def _verifier(role: Role, password: str, keys: DatabaseKeys | None) -> Verifier | None:
    return verifier(password, keys.seed + role.name.encode()) if keys is not None else None
