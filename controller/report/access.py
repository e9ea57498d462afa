"""Databases and roles in the status: what became of each entry, and the condition Provisioned."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET

from controller.certificates.generations import Generation
from controller.desired.access import login, password_purpose, secret_of
from controller.observe.access.state import Entry, List
from controller.plan.access.looks import declared
from controller.plan.access.steps import refusals
from controller.plan.rotation import next_rotation, passworded
from controller.report.finding import Finding, StatusComponent, Subject
from schemas.api.access import DatabaseStatus, Role, RoleStatus
from schemas.kubernetes import moments
from schemas.rules.access.roles import keeps_password
from schemas.verdict import listed

_LONGEST: Final = 400
"""Characters of a message: hundreds of entries must fit into the object."""


def _findings(subject: Subject) -> list[Finding]:
    db, observed = subject.db, subject.observed
    if not declared(db):
        return []
    if observed.access is not None or observed.refusals:
        return [_found(_troubles(subject), observed.unprovisioned)]
    before = db.status.condition("Provisioned")
    if before is None:
        return [Finding("Provisioned", None, "Provisioning", "the server was not looked into yet")]
    holds = {"True": True, "False": False}.get(before.status)
    return [Finding("Provisioned", holds, before.reason, before.message)]


def _found(troubles: dict[Entry, tuple[str, bool]], unprovisioned: str) -> Finding:
    if unprovisioned:
        return Finding("Provisioned", None, "PrimaryUnreachable", unprovisioned)
    refused = [f"{entry.list}.{entry.name}: {words}" for entry, (words, bad) in troubles.items() if bad]
    if refused:
        return Finding("Provisioned", False, "ProvisioningFailed", listed(refused, 5))
    if troubles:
        doing = listed([words for words, _ in troubles.values()], 3)
        return Finding("Provisioned", False, "Provisioning", doing)
    return Finding("Provisioned", True, "AsDeclared", "databases and roles are as declared")


def _fields(subject: Subject) -> dict[str, Any]:
    status, access = subject.db.status, subject.observed.access
    if access is None or access.keys is None:
        found: dict[str, Any] = {"databases": _said(subject), "roles": status.roles}
    else:
        troubles = {entry: words[:_LONGEST] for entry, (words, _) in _troubles(subject).items()}
        found = {"databases": _databases(subject, troubles), "roles": _roles(subject, troubles)}
    return {name: msgspec.to_builtins(entries) for name, entries in found.items() if entries}


def _said(subject: Subject) -> list[DatabaseStatus]:
    """Return the entries as they were, but for what their removal would do: that is what was said last.

    Nobody looks into a server that hibernates, and its entries may change meanwhile, and go.
    """
    said = {each.name: each.reclaim for each in subject.db.spec.databases}
    return [
        msgspec.structs.replace(each, reclaim=said.get(each.name, each.reclaim))
        for each in subject.db.status.databases
    ]


def _troubles(subject: Subject) -> dict[Entry, tuple[str, bool]]:
    """Return the entries that are not as declared: in words, and whether a person is needed."""
    why, pending = refusals(subject.todo, subject.observed) | _unwritten(subject), subject.todo.pending
    return {entry: (why.get(entry, words), entry in why) for entry, words in (pending | why).items()}


def _unwritten(subject: Subject) -> dict[Entry, str]:
    """Return the roles whose Secrets could not be written, in the API server's words."""
    db, found = subject.db, subject.observed.unwritten
    secrets = {role.name: secret_of(db, role.name) for role in passworded(db)}
    return {
        Entry("roles", role): f"Secret {secret} is not as it should be: {found[secret]}"
        for role, secret in secrets.items()
        if secret in found
    }


def _databases(subject: Subject, troubles: dict[Entry, str]) -> list[DatabaseStatus]:
    spec, before = subject.db.spec, subject.db.status.databases
    found = [
        DatabaseStatus(name=each.name, reclaim=each.reclaim, **_state("databases", each.name, troubles))
        for each in spec.databases
    ]
    left = {each.name for each in spec.databases}
    going = [each for each in before if each.name not in left and Entry("databases", each.name) in troubles]
    return [*found, *(_going(each, "databases", troubles) for each in going)]


def _roles(subject: Subject, troubles: dict[Entry, str]) -> list[RoleStatus]:
    spec, before = subject.db.spec, {each.name: each for each in subject.db.status.roles}
    found = [_role(subject, each, before.get(each.name), troubles) for each in spec.roles]
    left = {each.name for each in spec.roles}
    owner = subject.db.spec.owner
    if owner not in left and _generation(subject, Role(name=owner)):
        # The application's role is told of once its password was rotated.
        state = _state("roles", owner, troubles)
        rotation = _rotation(subject, Role(name=owner), before.get(owner))
        found.append(RoleStatus(name=owner, **state, **rotation))
    left.add(owner)
    going = [each for name, each in before.items() if name not in left and Entry("roles", name) in troubles]
    return [*found, *(_going(each, "roles", troubles) for each in going)]


def _role(subject: Subject, role: Role, before: RoleStatus | None, troubles: dict[Entry, str]) -> RoleStatus:
    """Report a role. Until it is as declared, it may still have what it was given before."""
    groups, grants = list(role.member_of), list(role.grants)
    if before is not None and Entry("roles", role.name) in troubles:
        groups += [group for group in before.member_of if group not in groups]
        grants += [grant for grant in before.grants if grant not in grants]
    state = _state("roles", role.name, troubles)
    rotation = _rotation(subject, role, before)
    return RoleStatus(name=role.name, member_of=groups, grants=grants, **state, **rotation)


def _generation(subject: Subject, role: Role) -> Generation | None:
    """Return which password is in a role's Secret; None where it was never rotated, nor is to be."""
    keys = subject.observed.access.keys if subject.observed.access else None
    if keys is None or not keeps_password(role):
        return None
    return keys.generations.get(password_purpose(subject.db, role.name))


def _rotation(subject: Subject, role: Role, before: RoleStatus | None) -> dict[str, Any]:
    generation = _generation(subject, role)
    if generation is None:
        return {}
    if secret_of(subject.db, role.name) in subject.observed.unwritten:
        # The Secret says what it said before.
        told = before or RoleStatus(name=role.name, applied=False)
        return {name: getattr(told, name) for name in ("login", "last_rotation_time", "next_rotation_time")}
    due = next_rotation(role, generation)
    return {
        "login": login(role.name, generation.number),
        "last_rotation_time": moments.written(generation.since) if generation.number else UNSET,
        "next_rotation_time": moments.written(due) if due else UNSET,
    }


def _state(of: List, name: str, troubles: dict[Entry, str]) -> dict[str, Any]:
    words = troubles.get(Entry(of, name), "")
    return {"applied": not words, "message": words}


def _going(status: Any, of: List, troubles: dict[Entry, str]) -> Any:  # noqa: ANN401 - either of the two
    return msgspec.structs.replace(status, **_state(of, status.name, troubles))


ACCESS: Final = StatusComponent(findings=_findings, fields=_fields)
