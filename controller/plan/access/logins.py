"""Second logins of roles whose passwords are rotated: made, kept, and locked out where nothing is rotated."""

from __future__ import annotations

from collections.abc import Iterator

from controller.desired.access import login, password_purpose
from controller.observe.access.state import Access, Entry, RoleState
from controller.plan.access.parameters import copied
from controller.plan.access.roles import becomes, closed_to, differing, is_second, locked_out, wanted
from controller.plan.rotation import of_login, passworded
from controller.plan.step import Complaint, Step
from controller.postgresql.statements.base import MAINTENANCE
from controller.postgresql.statements.roles import (
    AlterRole,
    BecomeRole,
    CreateLogin,
    GiveAway,
    Settings,
)
from schemas.api.access import Role
from schemas.api.types import PostgreSQLDatabase
from schemas.rules.access.names import second_login
from schemas.rules.access.roles import with_owner


def logins(db: PostgreSQLDatabase, access: Access) -> Iterator[Step | Complaint]:
    """Bring the second logins to what the generations of passwords say."""
    rotating = {role.name for role in passworded(db)}
    for role in with_owner(db.spec):
        second, entry = second_login(role.name), Entry("roles", role.name)
        if role.name in rotating and access.keys is not None and _generation(db, role, access) > 0:
            yield from _kept(db, role, access, access.roles.get(second))
        elif is_second(second, role.name, access):
            # This is a copy of a database whose passwords were rotated; or the password is the user's now.
            yield from locked_out(entry, second, access.roles[second])


def ready(db: PostgreSQLDatabase, access: Access) -> dict[str, int]:
    """Return whose next password opens the primary already, each with the number of its generation."""
    if access.keys is None:
        return {}
    known = access.keys.generations
    return {
        role.name: generation.newest
        for role in passworded(db)
        if (generation := known.get(password_purpose(db, role.name))) is not None and generation.upcoming
        if _opens(access.roles.get(login(role.name, generation.newest)), role, db, access, generation.newest)
    }


def _opens(
    found: RoleState | None, role: Role, db: PostgreSQLDatabase, access: Access, generation: int
) -> bool:
    if found is None or access.keys is None or not found.login or found.verifier is None:
        return False
    password = access.keys.password(password_purpose(db, role.name), generation)
    mine = generation % 2 == 0 or (becomes(role.name) in found.settings and role.name in found.groups)
    return mine and found.verifier.fits(password)


def _generation(db: PostgreSQLDatabase, role: Role, access: Access) -> int:
    return of_login(access.keys, password_purpose(db, role.name), 1) if access.keys is not None else -1


def _ours(found: RoleState, role: Role, password: str) -> bool:
    """Whether a role is a second login, not one that somebody made of that name.

    Membership may have been taken from it. What only keddah and the role's users know is the password; that
    its sessions become the role's, anybody who made it may have set.
    """
    return role.name in found.groups or (found.verifier is not None and found.verifier.fits(password))


def _kept(
    db: PostgreSQLDatabase, role: Role, access: Access, found: RoleState | None
) -> Iterator[Step | Complaint]:
    second, entry = second_login(role.name), Entry("roles", role.name)
    assert access.keys is not None  # noqa: S101 - there is a generation
    password = access.keys.password(password_purpose(db, role.name), _generation(db, role, access))
    if found is not None and (found.superuser or not _ours(found, role, password)):
        words = f"has no second login: role {second} is no member of it and has another password"
        yield Complaint(entry, f"{words}; grant it {role.name} if it is that login, else rename it")
        return
    settings = wanted(role, password, access.keys)
    if found is None:
        yield Step(entry, CreateLogin(second, role.name, settings))
        yield from (Step(entry, each) for each in copied(second, access.roles.get(role.name), None))
        return
    if (changes := differing(settings, found, password)) != Settings():
        yield Step(entry, AlterRole(second, changes))
    if becomes(role.name) not in found.settings or role.name not in found.groups:
        yield Step(entry, BecomeRole(second, role.name))
    yield from (Step(entry, each) for each in copied(second, access.roles.get(role.name), found))
    # Sessions may leave the role (SET ROLE NONE), and make something then.
    if closed := closed_to(access, found.owns_in):
        yield Complaint(entry, closed)
        return
    for database in sorted(found.owns_in):
        yield Step(entry, GiveAway(database or MAINTENANCE, second, role.name))
