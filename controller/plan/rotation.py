"""Rotates passwords: the server is told the next one, for the other of two logins, before the Secret is.

So what a Secret says is valid at any time, and what it said before is valid until the rotation after. That
does not begin before the Secret says what the last one was about: its write may be refused for a while.
A rotation that is interrupted goes on where NAME-keys says that it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from controller.certificates.generations import Generation
from controller.certificates.keys import DatabaseKeys
from controller.desired.access import password_purpose, secret_of
from controller.kube.objects import Manifest, entry_of
from schemas.api.access import Role
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes import moments
from schemas.rules import requests
from schemas.rules.access import names
from schemas.rules.access.roles import cannot_rotate, keeps_password, rotate_every, with_owner

LONGEST_SLEEP: Final = 12 * 3600.0
_OVERDUE_SLEEP: Final = 30.0
"""Of one that cannot go on: what it waits for tells by itself, or is not watched (a quota, a webhook)."""


@dataclass(frozen=True, slots=True)
class SecretsSeen:
    """Roles whose Secrets do not have the password that the keys say; one that was edited by hand is none."""

    missing: frozenset[str] = frozenset()
    former: frozenset[str] = frozenset()
    """Those that have the password of the generation before."""


ALL_AS_SAID: Final = SecretsSeen()


def rotated(
    db: PostgreSQLDatabase,
    keys: DatabaseKeys,
    ready: Mapping[str, int],
    now: datetime,
    secrets: SecretsSeen = ALL_AS_SAID,
) -> DatabaseKeys:
    """Return the keys with the generations of passwords that there should be now.

    `ready`: roles whose next generation was seen to open the server, with its number.
    """
    asked, request = _asked(db, keys, secrets)
    found = dict(keys.generations)
    for role in passworded(db):
        purpose = password_purpose(db, role.name)
        known = found.get(purpose)
        if known is None and (rotate_every(role) is not None or role.name in asked):
            known = Generation(0, now)
        # Who asks meanwhile is given the one that is coming: another would end the one that is in use.
        if known is not None and known.upcoming:
            found[purpose] = known.followed(now) if ready.get(role.name) == known.newest else known
        elif known is not None and role.name in secrets.missing | secrets.former:
            found[purpose] = known
        elif known is not None:
            found[purpose] = known.begun() if _begins(db, role, known, asked, now) else known
    return replace(keys, generations=found, request=request)


def passworded(db: PostgreSQLDatabase) -> Iterator[Role]:
    """Give the roles whose passwords keddah makes, the owner too: applications log in as that one."""
    for role in with_owner(db.spec):
        if keeps_password(role):
            yield role


def seen(db: PostgreSQLDatabase, keys: DatabaseKeys, live: Mapping[str, Manifest]) -> SecretsSeen:
    """Compare the live Secrets, by name, with what the keys say."""
    missing, former = set(), set()
    for role in passworded(db):
        secret, purpose = live.get(secret_of(db, role.name)), password_purpose(db, role.name)
        number = keys.generation(purpose)
        if secret is None:
            missing.add(role.name)
        elif number and entry_of(secret, "password") == keys.password(purpose, number - 1):
            former.add(role.name)
    return SecretsSeen(frozenset(missing), frozenset(former))


def of_login(keys: DatabaseKeys, purpose: str, second: int) -> int:
    """Return the newest generation of the password of the first login (0) or the second one (1).

    Of a second one that is not used yet it is -1.
    """
    known = keys.generations.get(purpose)
    newest = known.newest if known else 0
    return newest - (newest - second) % 2


def next_rotation(role: Role, generation: Generation) -> datetime | None:
    """Return when a password is due to be another one; None if no time says so."""
    every = rotate_every(role)
    return generation.since + timedelta(seconds=every) if every is not None else None


def overdue(manifest: Manifest, now: datetime) -> bool:
    """Whether a stored object's status says that a rotation is due."""
    soonest = _soonest(
        each.get("nextRotationTime") for each in (manifest.get("status") or {}).get("roles") or []
    )
    return soonest is not None and soonest <= now


def sleep(db: PostgreSQLDatabase, now: datetime) -> float | None:
    """Return the seconds until the next rotation, or to look at the clock again; None if none is to come."""
    soonest = _soonest(status.next_rotation_time for status in db.status.roles)
    if soonest is None:
        return None
    seconds = (soonest - now).total_seconds()
    return min(max(seconds, 1.0), LONGEST_SLEEP) if seconds > 0 else _OVERDUE_SLEEP


def requested(db: PostgreSQLDatabase) -> bool:
    """Whether somebody asks for new passwords, or did."""
    return requests.ROTATION in db.metadata.annotations


def _soonest(times: Iterator[object]) -> datetime | None:
    return min(
        (moment for text in times if isinstance(text, str) and (moment := moments.parse(text))), default=None
    )


def _begins(
    db: PostgreSQLDatabase, role: Role, known: Generation, asked: frozenset[str], now: datetime
) -> bool:
    if cannot_rotate(role, db.spec):
        return False
    due = next_rotation(role, known)
    return role.name in asked or (due is not None and now >= due)


def _asked(db: PostgreSQLDatabase, keys: DatabaseKeys, secrets: SecretsSeen) -> tuple[frozenset[str], str]:
    """Return the roles that a request is about which was not taken up yet, and the request that is then.

    It is not taken up while a Secret is missing: nobody would see what a new password is.
    """
    request = db.metadata.annotations.get(requests.ROTATION, "")
    if not request or request == keys.request:
        return frozenset(), keys.request
    _, named = requests.rotated(request)
    roles = frozenset(named or names.roles(db.spec))
    return (roles, request) if roles.isdisjoint(secrets.missing) else (frozenset(), keys.request)
