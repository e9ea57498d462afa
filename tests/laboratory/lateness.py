"""How late the object told what had become so: a fact, step by step, against what was told of it.

No clock and no cluster here. The two facts are the witness's (who acknowledges commits) and the pods' own
(whether all of them serve); what is told of them are `status.primary` and the condition Ready.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.laboratory.sights import Reign
from tests.rest import Object

Value = str | bool


@dataclass(frozen=True)
class Step:
    """What holds from a moment of the monotonic clock on; None where nobody can say."""

    moment: float
    value: Value | None


@dataclass
class Told:
    """What a user who watched was told, and what the pods themselves said meanwhile."""

    primary: list[Step] = field(default_factory=list)
    """`status.primary`; "" while it names nobody."""
    ready: list[Step] = field(default_factory=list)
    """Whether the condition Ready is True."""
    whole: list[Step] = field(default_factory=list)
    """Whether the pods serve, all of them."""

    def named_late(self, reigns: Iterable[Reign]) -> float | None:
        """Return the worst seconds from a new primary's first commit until `status.primary` named it.

        Counted from the moment when the witness asked for that commit: rather too long than too short.
        None where the primary stayed, or where nobody could watch.
        """
        return longest(_reigned(reigns), self.primary)

    def ready_late(self) -> float | None:
        """Return the worst seconds for which Ready said something else than the pods, either way.

        None where the pods served all the time, or where nobody could watch.
        """
        return longest(self.whole, self.ready)

    def changes(self) -> Iterator[tuple[str, Step]]:
        """Give all that changed, each by its name, in order of time."""
        named = (("status.primary", self.primary), ("Ready", self.ready), ("all pods serve", self.whole))
        found = [
            (name, step)
            for name, steps in named
            for before, step in zip([None, *steps], steps, strict=False)
            if before is None or before.value != step.value
        ]
        yield from sorted(found, key=lambda change: change[1].moment)


def longest(fact: Collection[Step], told: Collection[Step]) -> float | None:
    """Return the longest time in a row that one value of a fact was told otherwise.

    None where the fact never changed or nothing was told: then nothing was to be noticed.
    """
    known = {step.value for step in fact if step.value is not None}
    if len(known) < 2 or not any(step.value is not None for step in told):
        return None
    return max(_stretches(fact, told), default=0.0)


def _stretches(fact: Iterable[Step], told: Iterable[Step]) -> Iterator[float]:
    """Give the length of each stretch; another value of the fact begins another."""
    begun: float | None = None
    for before, now in pairwise(_together(fact, told)):
        moment, holds, said = before
        if None in (holds, said) or holds == said:
            begun = None
            continue
        begun = moment if begun is None else begun
        yield now[0] - begun
        if now[1] != holds:
            begun = None


def _together(
    fact: Iterable[Step], told: Iterable[Step]
) -> Iterator[tuple[float, Value | None, Value | None]]:
    """Give both at each moment when one of them changes."""
    steps = [(step.moment, True, step.value) for step in fact]
    steps += [(step.moment, False, step.value) for step in told]
    holds = said = None
    for moment, is_fact, value in sorted(steps, key=lambda step: step[0]):
        if is_fact:
            holds = value
        else:
            said = value
        yield moment, holds, said


def _reigned(reigns: Iterable[Reign]) -> list[Step]:
    """Return who acknowledged; between two reigns nobody does, and the status may name either."""
    return [step for reign in reigns for step in (Step(reign.begin, reign.instance), Step(reign.end, None))]


def primary(database: Object) -> str:
    """Read whom the status names; "" when nobody."""
    named: str = (database.get("status") or {}).get("primary") or ""
    return named


def ready(thing: Object) -> bool:
    """Read the condition Ready, of the database or of a pod."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def whole(pods: Collection[Object], replicas: int) -> bool:
    """Read whether so many pods serve: ready by the kubelet's word, one leads, all others stream."""
    roles = [_role(pod) for pod in pods if ready(pod) and "deletionTimestamp" not in pod["metadata"]]
    served = len(pods) == len(roles) == replicas
    return served and sorted(roles) == ["primary", *["streaming"] * (replicas - 1)]


def _role(pod: Object) -> str:
    metadata = pod["metadata"]
    if (metadata.get("labels") or {}).get("keddah.dev/role") == "primary":
        return "primary"
    member = json.loads((metadata.get("annotations") or {}).get("status") or "{}")
    return str(member.get("replication_state") or "")
