"""The Secrets of the roles that a database declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from controller.desired import names
from controller.kube.objects import Manifest
from schemas.api.access import Role
from schemas.api.types import PostgreSQLDatabase
from schemas.rules.access import names as names_of_roles


def password_purpose(db: PostgreSQLDatabase, role: str) -> str:
    """Return what the password of a role is derived for (DatabaseKeys.password)."""
    return "app" if role == db.spec.owner else f"role.{role}"


def login(role: str, generation: int) -> str:
    """Return with which login a password of that generation goes: by turns the role and its second one.

    So consumers that still have the former Secret go on logging in, until the rotation after it.
    """
    return names_of_roles.second_login(role) if generation % 2 else role


def secret_of(db: PostgreSQLDatabase, role: str) -> str:
    """Name the Secret that a role's password is in, where keddah makes it."""
    name = db.metadata.name
    return names.app_secret(name) if role == db.spec.owner else names.role_secret(name, role)


def own_secrets(db: PostgreSQLDatabase) -> Iterator[tuple[Role, str]]:
    """Give the roles that have a Secret of their own, each with its name."""
    for role in _with_secret(db.spec.roles, db.spec.owner):
        yield role, secret_of(db, role.name)


def stored_secrets(database: Manifest) -> tuple[str, ...]:
    """Name the Secrets of the roles that a stored object declares, whether or not it is accepted."""
    spec = database.get("spec") or {}
    try:
        roles = msgspec.convert(spec.get("roles") or [], list[Role])
    except msgspec.ValidationError:
        return ()
    name = database["metadata"]["name"]
    return tuple(names.role_secret(name, role.name) for role in _with_secret(roles, spec.get("owner", "")))


def former_secrets(database: Manifest) -> tuple[str, ...]:
    """Name the Secrets that roles may have which are not declared any more."""
    told = (database.get("status") or {}).get("roles") or []
    name, left = database["metadata"]["name"], set(stored_secrets(database))
    return _without(name, (status["name"] for status in told), left)


def left_over(db: PostgreSQLDatabase) -> tuple[str, ...]:
    """Name them of an accepted object."""
    told = (status.name for status in db.status.roles)
    return _without(db.metadata.name, told, {secret for _, secret in own_secrets(db)})


def _without(name: str, told: Iterable[str], left: set[str]) -> tuple[str, ...]:
    former = (names.role_secret(name, role) for role in told)
    return tuple(secret for secret in former if secret not in left)


def _with_secret(roles: Iterable[Role], owner: str) -> Iterator[Role]:
    """Give those with a Secret: the owner has NAME-app, and whoever brings a password has another."""
    for role in roles:
        given = role.password.secret if role.password else None
        if role.login and not given and role.name != owner:
            yield role


def main_database(db: PostgreSQLDatabase, role: Role) -> str:
    """Return the database that a role's Secret leads to: one that it owns, or has access to."""
    owned = (database.name for database in db.spec.databases if database.owner == role.name)
    granted = (grant.database for grant in role.grants)
    return next(owned, None) or next(granted, db.spec.database)
