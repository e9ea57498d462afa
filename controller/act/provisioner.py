"""Executes statements about databases and roles; the only module that changes anything in a server by SQL."""

from __future__ import annotations

from controller.observe.access.credentials import credentials, needed
from controller.observe.secrets import SecretReader
from controller.plan.actions import Execute
from controller.plan.interruption import KeysMissing
from controller.plan.step import Failure
from controller.postgresql.client import Address, PostgreSQL, SqlError, Unreachable
from schemas.api.types import PostgreSQLDatabase


class Provisioner:
    """Executes them over one connection for each database."""

    def __init__(self, secrets: SecretReader, postgresql: PostgreSQL) -> None:
        self._secrets = secrets
        self._postgresql = postgresql

    async def execute(self, db: PostgreSQLDatabase, action: Execute) -> tuple[Failure, ...]:
        """Execute all; one that is refused keeps none of the others back. Raises KubeError or KeysMissing."""
        at, failures = Address(action.ip, action.host), []
        found = await self._secrets.named(db.metadata.namespace, needed(db))
        opened = credentials(db, found)
        if opened is None:
            raise KeysMissing("the database's keys are missing or damaged; the next reconcile restores them")
        session_to = self._postgresql.session(at, action.database, opened.keys.authority, opened.trusted)
        try:
            async with session_to as session:
                for step in action.steps:
                    try:
                        await session.execute(step.statement)
                    except SqlError as error:
                        failures.append(Failure(step.entry, f"{step.statement}: {error}"))
        except Unreachable as error:
            failures.append(Failure(None, str(error)))
        return tuple(failures)
