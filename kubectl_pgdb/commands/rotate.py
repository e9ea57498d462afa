"""`kubectl pgdb rotate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import click
import msgspec

from kubectl_pgdb import asking
from kubectl_pgdb.objects import database
from kubectl_pgdb.session import NAME, PLURAL, Session, command, completing
from kubectl_pgdb.waiting import Look, until
from kubectl_pgdb.words import ago, moment
from schemas.api.types import Spec
from schemas.rules.access import names
from schemas.rules.access.roles import cannot_rotate, with_owner

_KEPT: Final = "the former logins stay valid until the next rotation"
_SOON: Final = timedelta(minutes=2)
"""Within that time a mounted Secret may not be in its pods yet (the kubelet's sync period and its cache)."""


def _begun(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Complete the name of a role, of the database that was named before."""
    name, given = str(context.params.get("name")), context.params.get("roles") or ()
    found = completing(context).attempt("get", PLURAL, name, "--output=json").out
    known = _rotating(_spec(json.loads(found))) if found else ()
    return [role for role in known if role.startswith(begun) and role not in given]


@click.command
@NAME()
@click.argument("roles", nargs=-1, shell_complete=_begun)
@click.option("--again", is_flag=True, help="Even where the last rotation is younger than two minutes.")
@asking.wait
@asking.timeout
@command
def rotate(
    session: Session, name: str, roles: tuple[str, ...], *, again: bool, wait: bool, timeout: float
) -> None:
    """Give all roles new passwords, the application's too; or ROLES only.

    Each Secret then has another login with another password. What it said before is valid until the next
    rotation, so no log-in is refused as long as applications read their Secrets again in between: within two
    minutes of the last rotation there is no other one, but with --again. A password that has leaked is shut
    out by rotating twice, the second time once all applications have read their Secrets again.
    """
    live = session.kubectl.read("get", PLURAL, name)
    wanted = roles if session.shows else _wanted(_spec(live), roles)
    before = _times(live)
    if not again:
        _settled(wanted, before, session.now())
    value = asking.identity(session.now()) + (f"/{','.join(roles)}" if roles else "")
    asking.annotate(session, name, "rotate-passwords", value)
    until(session, "rotate", lambda: _look(session, name, wanted, before), timeout if wait else None)


def _wanted(spec: Spec, given: Sequence[str]) -> tuple[str, ...]:
    """Return the roles that are meant; raises ClickException for one that cannot be."""
    declared = {role.name: role for role in with_owner(spec)}
    for role in given:
        if role not in declared:
            raise click.ClickException(f"{role} {names.unknown(role, declared, 'roles that are')}")
        if why := cannot_rotate(declared[role], spec):
            raise click.ClickException(f"{role} {why}")
    return tuple(given) or _rotating(spec)


def _settled(wanted: Sequence[str], before: Mapping[str, str], now: datetime) -> None:
    """Raise ClickException where a rotation may end a login that is still in use."""
    for role in wanted:
        last = moment(before.get(role))
        if last is not None and now - last < _SOON:
            raise click.ClickException(
                f"{role} got a new password {ago(last, now)}: another one now would refuse whoever has not"
                " read its Secret again since. Wait until two minutes have passed, or rotate nevertheless:"
                " --again"
            )


def _rotating(spec: Spec) -> tuple[str, ...]:
    return tuple(role.name for role in with_owner(spec) if not cannot_rotate(role, spec))


def _spec(live: Mapping[str, Any]) -> Spec:
    return msgspec.convert(live.get("spec") or {}, Spec)


def _times(live: Mapping[str, Any]) -> dict[str, str]:
    """Return when the password of each role was last rotated, as the status has it."""
    known = (live.get("status") or {}).get("roles") or []
    return {role["name"]: role["lastRotationTime"] for role in known if "lastRotationTime" in role}


def _look(session: Session, name: str, wanted: Sequence[str], before: Mapping[str, str]) -> Look:
    live = session.kubectl.read("get", PLURAL, name)
    if (live.get("spec") or {}).get("hibernated"):
        words = f"{name} is hibernated: the request is noted, and carried out once it is awake"
        return Look(words, over=True, more={"done": False})
    found = {role["name"]: role for role in (live.get("status") or {}).get("roles") or []}
    now = _times(live)
    done = [role for role in wanted if now.get(role, "") != before.get(role, "")]
    if len(done) < len(wanted):
        ready = database(live).condition("Ready")
        how = f"; {ready.reason}: {ready.message}" if ready else ""
        return Look(f"{len(done)} of {len(wanted)} roles have new passwords{how}")
    words = ", ".join(f"{role} logs in as {found[role]['login']}" for role in wanted)
    kept = [{key: found[role].get(key) for key in ("name", "login", "lastRotationTime")} for role in wanted]
    return Look(f"{words}; {_KEPT}", over=True, more={"roles": kept})
