"""Which databases are on their way to another image or pod template: what no single one of them can know.

A catalogue, or a release of keddah, moves on for all databases at once, and what does not come up takes a
standby of each that tries it. So those that follow go a few at a time, and none while one of them is stuck.
A fresh controller sees by the pods who was on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from controller.observe.instances.editions import Edition, behind, editions, in_force
from controller.observe.state import ObservedState

Mark: TypeAlias = tuple[tuple[str, ...], int]

STUCK_AFTER = timedelta(minutes=3)
"""Without any progress, until a database is said to be stuck: a server may recover, or catch up, so long."""


@dataclass(frozen=True, slots=True)
class Move:
    """A database on its way to an edition of its pods."""

    edition: Edition
    renewed: bool
    """Whether it gets another pod template, and not only another image."""
    mark: Mark
    """The pods that are of another edition, and how many instances serve and follow."""
    since: datetime
    """When that changed last."""

    def stuck(self, now: datetime) -> bool:
        """Whether there was no progress for a while."""
        return now - self.since >= STUCK_AFTER


def move(observed: ObservedState, before: Move | None, now: datetime) -> Move | None:
    """Return how far a database is on its way, which it is until all instances serve with the edition.

    One that Patroni does not touch (`patronictl pause`) or that has no pods to move holds nobody up.
    """
    newest, statefulset = in_force(observed), observed.statefulset
    if newest is None or statefulset is None or observed.leadership.paused:
        return None
    known = before if before and before.edition == newest else None
    late, fit = tuple(behind(observed, newest)), sum(instance.fit for instance in observed.instances)
    if not late and (known is None or fit == statefulset["spec"]["replicas"]):
        return None
    pods = editions(observed)
    renewed = any(pods[name].template != newest.template for name in late)
    mark = (late, fit)
    since = known.since if known and known.mark == mark else now
    return Move(newest, renewed or (known is not None and known.renewed), mark, since)
