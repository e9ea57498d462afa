"""What each component contributes to the status: its conditions, and fields of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from controller.observe.backups.backups import Backups, backups
from controller.observe.state import ObservedState
from controller.plan.access.steps import Todo, todo
from controller.plan.outcome import Outcome
from controller.plan.upgrade import Choice
from schemas.api.types import PostgreSQLDatabase

Truth: TypeAlias = bool | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition before it is compared with the last status."""

    type: str
    holds: Truth
    reason: str
    message: str


@dataclass(frozen=True)
class Subject:
    """What the status is about."""

    db: PostgreSQLDatabase
    observed: ObservedState
    outcome: Outcome
    choice: Choice | None
    """The image that was chosen, None where none could be."""

    @cached_property
    def backups(self) -> Backups:
        """The backups, as runs and what is remembered of them tell; several components ask for them."""
        return backups(self.observed, self.db.metadata.name)

    @cached_property
    def todo(self) -> Todo:
        """What is to be done about databases and roles; of hundreds of roles it takes a while to find out."""
        return todo(self.db, self.observed.access)


@dataclass(frozen=True, slots=True)
class StatusComponent:
    """One part of a database in its status."""

    findings: Callable[[Subject], Iterable[Finding]]
    """Its conditions, in the order of the status."""
    fields: Callable[[Subject], Mapping[str, Any]] = lambda _: {}
    """Its fields; UNSET for one that is not known."""
