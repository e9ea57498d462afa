"""Databases and roles that a server has, for tests of what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controller.certificates.keys import DatabaseKeys
from controller.observe.access.state import (
    Access,
    Contents,
    DatabaseState,
    Relation,
    Right,
    RoleState,
)
from controller.observe.state import ObservedState
from controller.plan.access.steps import Todo
from controller.postgresql.verifier import verifier
from schemas.api.types import PostgreSQLDatabase, decode
from tests import states
from tests.factory import complete_database

NOW = datetime(2026, 12, 1, tzinfo=UTC)
KEYS = DatabaseKeys.generate("orders", now=NOW, entropy=lambda count: bytes(range(count)))
ROLE = RoleState(
    login=True,
    connection_limit=-1,
    valid_until=None,
    attributes=frozenset(),
    superuser=False,
    verifier=None,
    groups=frozenset(),
)
OWNER = replace(ROLE, verifier=verifier(KEYS.password("app"), KEYS.seed))
EMPTY = Contents({"public": "pg_database_owner"}, {}, {"hstore": "1.8", "vector": "0.8"}, frozenset())
TABLE, SEQUENCE = Relation("public", "t", sequence=False), Relation("public", "s", sequence=True)
MADE = DatabaseState("app", "UTF8", "builtin", "C.UTF-8", -1, contents=EMPTY)
WRITE = "SELECT, INSERT, UPDATE, DELETE"
READ = {"database": "app", "schema": "public", "access": "Read"}
ANALYST = {"name": "analyst"}


def has(role: str, state: RoleState = ROLE) -> dict[str, RoleState]:
    """Give a role that has the password that keddah gave it."""
    return {role: replace(state, verifier=verifier(KEYS.password(f"role.{role}"), KEYS.seed))}


def declared(status: Mapping[str, Any] | None = None, **spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    """Give a database that declares this, and of which this was reported."""
    lists = (status or {}).items()
    told = {name: [{"applied": True} | entry for entry in entries] for name, entries in lists}
    return decode({**complete_database(**spec), "status": told})


def found(
    roles: dict[str, RoleState] | None = None,
    databases: dict[str, DatabaseState] | None = None,
    **given: str,
) -> Access:
    """Give what the server has besides what is always there."""
    return Access(KEYS, given, {"app": OWNER} | (roles or {}), {"app": MADE} | (databases or {}))


def statements(plan: Todo) -> list[str]:
    """Give the SQL, each with the database, and passwords left out."""
    texts = [
        (step.statement.database, each.as_string()) for step in plan.steps for each in step.statement.render()
    ]
    return [f"{where}: {text.partition(' PASSWORD ')[0]}" for where, text in texts]


def with_lack(*lacking: Right, **schemas: str) -> dict[str, DatabaseState]:
    """Give the application's database, in which this is not in place."""
    owners, relations = schemas or dict(EMPTY.schemas), dict.fromkeys(lacking, (TABLE, SEQUENCE))
    contents = replace(EMPTY, schemas=owners, lacking=frozenset(lacking), relations=relations)
    return {"app": replace(MADE, contents=contents)}


def of_extension(schema: str, *lacking: Right) -> dict[str, DatabaseState]:
    """Give the application's database with a schema of pg_cron."""
    contents = replace(EMPTY, lacking=frozenset(lacking), reserved={schema: "pg_cron"})
    return {"app": replace(MADE, contents=contents)}


def told_by_primary(digest: str) -> ObservedState:
    """Give a database whose primary tells that digest."""
    around = states.observed(states.members(1))
    [primary] = around.instances
    return replace(around, instances=(replace(primary, access=digest),))
