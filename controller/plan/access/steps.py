"""All steps towards what is declared of databases and roles, in their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from controller.observe.access.state import Access, Entry
from controller.observe.state import ObservedState
from controller.plan.access.databases import contents, databases, dropped_databases
from controller.plan.access.grants import grants
from controller.plan.access.logins import logins
from controller.plan.access.roles import dropped_roles, memberships, roles
from controller.plan.step import Complaint, Step
from schemas.api.types import PostgreSQLDatabase


@dataclass(frozen=True, slots=True)
class Todo:
    """What is to be done, in order, and what cannot be done."""

    steps: tuple[Step, ...] = ()
    complaints: Mapping[Entry, str] = field(default_factory=dict)
    waits: Mapping[Entry, str] = field(default_factory=dict)
    """What entries wait for, without anybody having to act."""

    @property
    def pending(self) -> dict[Entry, str]:
        """The entries that are not as declared, each with its first step, or what it waits for."""
        return dict(self.waits) | {step.entry: str(step.statement) for step in reversed(self.steps)}

    def by_database(self, held: Collection[Entry] = ()) -> list[tuple[str, tuple[Step, ...]]]:
        """Return the steps in runs that one connection is enough for, but those of entries that are held."""
        place, steps = attrgetter("statement.database"), (s for s in self.steps if s.entry not in held)
        return [(database, tuple(run)) for database, run in groupby(steps, place)]


def todo(db: PostgreSQLDatabase, access: Access | None) -> Todo:
    """Compare declared and found; nothing where nobody looked.

    What others need comes first: roles, who is a member of whom, databases, what is in them, access to that.
    """
    if access is None or access.keys is None:
        return Todo()
    found: Iterator[Step | Complaint] = (
        each
        for question in (
            roles,
            logins,
            memberships,
            databases,
            contents,
            grants,
            dropped_databases,
            dropped_roles,
        )
        for each in question(db, access)
    )
    return _sorted(found)


def refusals(found: Todo, observed: ObservedState) -> dict[Entry, str]:
    """Return why entries cannot become as declared, as far as that is still to be done."""
    if observed.access is None:
        return dict(observed.refusals)
    known = {entry: words for entry, words in observed.refusals.items() if entry in found.pending}
    return known | dict(found.complaints)


def _sorted(found: Iterable[Step | Complaint]) -> Todo:
    steps: list[Step] = []
    complaints: dict[Entry, str] = {}
    waits: dict[Entry, str] = {}
    ended: set[Entry] = set()
    for each in found:
        if isinstance(each, Step):
            steps += [] if each.entry in ended else [each]
        elif each.entry not in ended:
            (waits if each.passing else complaints).setdefault(each.entry, each.words)
            ended |= {each.entry} if each.ends else set()
    return Todo(tuple(steps), complaints, waits)
