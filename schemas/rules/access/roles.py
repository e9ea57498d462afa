"""spec.roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.api.access import Role
from schemas.kubernetes import duration, moments
from schemas.postgresql import identifiers
from schemas.rules import environment
from schemas.rules.access import names
from schemas.verdict import Violation, got, listed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.api.types import Spec
    from schemas.rules.review import Review

_PATH: Final = "spec.roles"
_SHORTEST: Final = 3600
_LONGEST: Final = 366 * 24 * 3600


def violations(review: Review) -> Iterator[Violation]:
    """Refuse names that cannot be or are keddah's, and references that lead nowhere."""
    spec = review.spec
    known = {each.name for each in review.before.roles} if review.before is not None else set()
    members = {role.name: role.member_of for role in reversed(spec.roles)}
    seen: set[str] = set()
    for index, role in enumerate(spec.roles):
        path = f"{_PATH}[{index}]"
        if role.name in seen:
            yield got(f"{path}.name", role.name, "is there twice; leave one out")
        seen.add(role.name)
        if role.name not in known | {spec.owner} and (
            problem := identifiers.quoted_problem(role.name, "role")
        ):
            yield got(f"{path}.name", role.name, problem)
        yield from _itself(path, role, spec)
        yield from _rotation(path, role, spec, new=role.name not in known)
        yield from _secret(path, role, review.new.metadata.name)
        yield from _memberships(path, role, spec, members)
        yield from _grants(path, role, spec)


def removals(spec: Spec, before: Spec) -> Iterator[str]:
    """Say what becomes of roles whose entries are taken out."""
    left = names.roles(spec)
    for role in before.roles:
        if role.name not in left:
            yield warning(f"roles.{role.name}: dropped; objects owned by it are reassigned to {spec.owner}")


def rotate_every(role: Role) -> int | None:
    """Give the seconds after which a password is another one; None if it stays, or the text is wrong."""
    every = role.password.rotate_every if role.password else None
    try:
        return duration.seconds(every) if every else None
    except duration.DurationError:
        return None


def keeps_password(role: Role) -> bool:
    """Whether the password of a role is one that keddah makes."""
    return role.login and not (role.password and role.password.secret)


def with_owner(spec: Spec) -> list[Role]:
    """Return the roles that are declared, the owner in any case: applications log in as that one."""
    owner = [] if any(role.name == spec.owner for role in spec.roles) else [Role(name=spec.owner)]
    return [*owner, *spec.roles]


def cannot_rotate(role: Role, spec: Spec) -> str:
    """Say why a role cannot be given another password; "" if it can."""
    if not keeps_password(role):
        return "has no password of keddah's making"
    second = names.second_login(role.name)
    if second in names.roles(spec):
        return f"cannot have a second login: {second} is another role"
    return ""


def _rotation(path: str, role: Role, spec: Spec, *, new: bool) -> Iterator[Violation]:
    taken = {names.second_login(each): each for each in names.roles(spec)}
    if new and (other := taken.get(role.name)):
        how = f"is the second login of {other}, between which and {other} rotated passwords alternate"
        yield got(f"{path}.name", role.name, f"{how}; choose another name")
    elif new and names.second_login(role.name) == spec.owner:
        how = f"would have {spec.owner} as its second login, which is spec.owner; choose another name"
        yield got(f"{path}.name", role.name, how)
    given = role.password.rotate_every if role.password else None
    if not given:
        return
    place = f"{path}.password.rotateEvery"
    try:
        seconds = duration.seconds(given)
    except duration.DurationError as error:
        yield got(place, given, str(error))
        return
    if not _SHORTEST <= seconds <= _LONGEST:
        yield got(place, given, "must be from 1h to 366d")
    if role.password and role.password.secret:
        yield got(place, given, "must be absent where password.secret says the password: rotate that Secret")


def _itself(path: str, role: Role, spec: Spec) -> Iterator[Violation]:
    if role.valid_until and moments.parse(role.valid_until) is None:
        yield got(f"{path}.validUntil", role.valid_until, moments.EXPECTED)
    if role.name == spec.owner and not role.login:
        yield got(f"{path}.login", role.login, "must be true: applications log in as spec.owner")
    if role.password and not role.login:
        yield got(f"{path}.password", "a password", "must be absent of a role that cannot log in")
    if role.password and role.password.secret and role.name == spec.owner:
        how = "must be absent of spec.owner: its password is in the Secret NAME-app"
        yield got(f"{path}.password.secret", role.password.secret.name, how)


def _secret(path: str, role: Role, database: str) -> Iterator[Violation]:
    given = role.password.secret.name if role.password and role.password.secret else ""
    if environment.internal(given, database):
        how = "must be a Secret of yours: this one is keddah's, of this database"
        yield got(f"{path}.password.secret", given, how)


def _memberships(path: str, role: Role, spec: Spec, members: Mapping[str, list[str]]) -> Iterator[Violation]:
    known = names.roles(spec)
    for index, group in enumerate(role.member_of):
        place = f"{path}.memberOf[{index}]"
        if group == role.name:
            yield got(place, group, "must be another role")
        elif group in known:
            if way := _circle(role.name, group, members):
                yield got(place, group, f"closes a circle: {' -> '.join(way)}")
        elif group.startswith("pg_"):
            if group not in names.PREDEFINED:
                allowed = listed(sorted(names.PREDEFINED), most=len(names.PREDEFINED), joint="or")
                yield got(place, group, f"of PostgreSQL's own roles it may be {allowed}")
        else:
            yield got(place, group, names.unknown(group, known, "roles that are"))


def _circle(start: str, group: str, members: Mapping[str, list[str]]) -> list[str]:
    """Return the way by which a group is a member of the role that is to be its member; [] if it is none."""
    ways = [[start, group]]
    seen = {group}
    while ways:
        way = ways.pop()
        for each in members.get(way[-1], ()):
            if each == start:
                return [*way, start]
            if each not in seen:
                seen.add(each)
                ways.append([*way, each])
    return []


def _grants(path: str, role: Role, spec: Spec) -> Iterator[Violation]:
    known = names.databases(spec)
    seen: set[tuple[str, str | None]] = set()
    for index, grant in enumerate(role.grants):
        place, of = f"{path}.grants[{index}]", (grant.database, grant.schema or None)
        if of in seen:
            yield got(place, grant.schema or grant.database, "is there twice; leave one out")
        seen.add(of)
        if grant.database not in known:
            how = names.unknown(grant.database, known, "databases that are")
            yield got(f"{place}.database", grant.database, how)
        if grant.schema and (problem := identifiers.quoted_problem(grant.schema, "schema")):
            yield got(f"{place}.schema", grant.schema, problem)
