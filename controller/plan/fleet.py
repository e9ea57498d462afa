"""Which databases are on their way to another image or pod template: what no single one of them can know.

A catalogue, or a release of keddah, moves on for all databases at once, and what does not come up takes a
standby of each that tries it. So one goes first, alone (the canary), and once it has served for a while those
that follow go a few at a time, and none while one of them is stuck. A fresh controller sees by the pods who
was on the way; what has come up before it does not know, and begins with one again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from controller.observe.instances.editions import Edition, behind, editions, in_force
from controller.observe.state import ObservedState

Mark: TypeAlias = tuple[tuple[str, ...], int]

STUCK_AFTER = timedelta(minutes=3)
"""Without any progress, until a database is said to be stuck: a server may recover, or catch up, so long."""
CANARY_SERVES = timedelta(minutes=1)
"""How long the first serves with what is new, before others get it."""


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
    complete: bool = False
    """Whether every instance serves with the edition."""

    def stuck(self, now: datetime) -> bool:
        """Whether there was no progress for a while."""
        return not self.complete and now - self.since >= STUCK_AFTER


@dataclass(frozen=True, slots=True)
class Proven:
    """What has come up in a database and served there for a while."""

    images: frozenset[str] = frozenset()
    template: bool = False
    """Whether this release's pod template has."""

    def covers(self, move: Move) -> bool:
        """Whether nothing in a move is new."""
        return move.edition.image in self.images and (self.template or not move.renewed)

    def over(self, move: Move, now: datetime) -> bool:
        """Whether a move has ended: at once where it was not the first."""
        return move.complete and (self.covers(move) or now - move.since >= CANARY_SERVES)

    def after(self, move: Move) -> Proven:
        """Return what is known once a move has ended well."""
        return replace(
            self, images=self.images | {move.edition.image}, template=self.template or move.renewed
        )


@dataclass(frozen=True, slots=True)
class Others:
    """What the other databases tell one that wants to move."""

    moves: Mapping[str, Move] = field(default_factory=dict)
    """Those that are being upgraded, by namespace/name."""
    proven: Proven = Proven()


NOBODY = Others()


def move(observed: ObservedState, before: Move | None, now: datetime) -> Move | None:
    """Return how far a database is on its way; one that was not on it is not, once all its pods are there.

    One that Patroni does not touch (`patronictl pause`) or that has no pods to move holds nobody up.
    """
    newest, statefulset = in_force(observed), observed.statefulset
    if newest is None or statefulset is None or observed.leadership.paused:
        return None
    known = before if before and before.edition == newest else None
    late, fit = tuple(behind(observed, newest)), sum(instance.fit for instance in observed.instances)
    replicas = int(statefulset["spec"]["replicas"])
    if not late and (known is None or replicas == 0):
        return None
    pods = editions(observed)
    renewed = any(pods[name].template != newest.template for name in late)
    mark = (late, fit)
    since = known.since if known and known.mark == mark else now
    whole = not late and fit == replicas
    return Move(newest, renewed or (known is not None and known.renewed), mark, since, whole)
