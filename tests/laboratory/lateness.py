"""How late the status follows the facts: `status.primary` and the condition Ready.

`status.primary` is compared with the instance that acknowledges commits (by the witness), and Ready with
whether all pods serve. This module has neither clock nor cluster.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.laboratory.samples import PrimaryTerm
from tests.readiness import serves
from tests.rest import Object

Value = str | bool


@dataclass(frozen=True)
class Step:
    """A value from a moment of the monotonic clock on; None if it is not known."""

    moment: float
    value: Value | None


@dataclass
class Timeline:
    """What a watch of the object and of its pods reported."""

    primary: list[Step] = field(default_factory=list)
    """`status.primary`; "" while it names nobody."""
    ready: list[Step] = field(default_factory=list)
    """Whether the condition Ready is True."""
    whole: list[Step] = field(default_factory=list)
    """Whether all pods serve."""

    def named_late(self, terms: Iterable[PrimaryTerm]) -> float | None:
        """Return the worst seconds from a new primary's first commit until `status.primary` named it.

        Counted from the moment when the witness asked for that commit: rather too long than too short.
        None if the primary stayed, or nothing was watched.
        """
        return longest(_primaries(terms), self.primary)

    def ready_late(self) -> float | None:
        """Return the worst seconds for which Ready said something else than the pods, either way.

        None if the pods served all the time, or nothing was watched.
        """
        return longest(self.whole, self.ready)

    def changes(self) -> Iterator[tuple[str, Step]]:
        """Yield all changes with their names, in order of time."""
        named = (("status.primary", self.primary), ("Ready", self.ready), ("all pods serve", self.whole))
        found = [
            (name, step)
            for name, steps in named
            for before, step in zip([None, *steps], steps, strict=False)
            if before is None or before.value != step.value
        ]
        yield from sorted(found, key=lambda change: change[1].moment)


def longest(fact: Collection[Step], reported: Collection[Step]) -> float | None:
    """Return the longest uninterrupted time for which a value was reported wrongly.

    None if the fact never changed, or nothing was reported.
    """
    known = {step.value for step in fact if step.value is not None}
    if len(known) < 2 or not any(step.value is not None for step in reported):
        return None
    return max(_stretches(fact, reported), default=0.0)


def _stretches(fact: Iterable[Step], reported: Iterable[Step]) -> Iterator[float]:
    """Yield the length of each wrong stretch; a new value of the fact begins a new one."""
    begun: float | None = None
    for before, now in pairwise(_together(fact, reported)):
        moment, holds, said = before
        if None in (holds, said) or holds == said:
            begun = None
            continue
        begun = moment if begun is None else begun
        yield now[0] - begun
        if now[1] != holds:
            begun = None


def _together(
    fact: Iterable[Step], reported: Iterable[Step]
) -> Iterator[tuple[float, Value | None, Value | None]]:
    """Yield both values at each moment when one of them changes."""
    steps = [(step.moment, True, step.value) for step in fact]
    steps += [(step.moment, False, step.value) for step in reported]
    holds = said = None
    for moment, is_fact, value in sorted(steps, key=lambda step: step[0]):
        if is_fact:
            holds = value
        else:
            said = value
        yield moment, holds, said


def _primaries(terms: Iterable[PrimaryTerm]) -> list[Step]:
    """Return who acknowledged commits; between two terms nobody does, and the status may name either."""
    return [step for term in terms for step in (Step(term.begin, term.instance), Step(term.end, None))]


def primary(database: Object) -> str:
    """Return `status.primary`; "" if it is not set."""
    named: str = (database.get("status") or {}).get("primary") or ""
    return named


def whole(pods: Collection[Object], replicas: int) -> bool:
    """Whether so many pods serve: all are Ready, one is the primary, and the others stream."""
    roles = [_role(pod) for pod in pods if serves(pod)]
    served = len(pods) == len(roles) == replicas
    return served and sorted(roles) == ["primary", *["streaming"] * (replicas - 1)]


def _role(pod: Object) -> str:
    metadata = pod["metadata"]
    if (metadata.get("labels") or {}).get("keddah.dev/role") == "primary":
        return "primary"
    member = json.loads((metadata.get("annotations") or {}).get("status") or "{}")
    return str(member.get("replication_state") or "")
