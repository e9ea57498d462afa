"""Which databases are on their way to another image: what no single one of them can know.

A catalogue moves on for all databases at once, and an image that does not come up takes a standby of each
that tries it. So those that follow the catalogue go a few at a time, and none while one of them is stuck.
Remembered by this process; a fresh controller sees by the pods who was on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from controller.kube.objects import Key
from controller.observe.images import behind, image_in_force
from controller.observe.world import World

Mark: TypeAlias = tuple[tuple[str, ...], int]

STUCK_AFTER = timedelta(minutes=3)
"""Without any progress, until a database is said to be stuck: a server may recover, or catch up, so long."""


@dataclass(frozen=True, slots=True)
class Move:
    """A database on its way to an image."""

    image: str
    mark: Mark
    """The pods that have another image, and how many instances serve and follow."""
    since: datetime
    """When that changed last."""

    def stuck(self, now: datetime) -> bool:
        """Whether there was no progress for a while."""
        return now - self.since >= STUCK_AFTER


class Fleet:
    """Remembers which databases are changing their image, and which wait for them.

    `look` and `decided` are called one after the other, with nothing awaited between them: so two databases
    never take the same place.
    """

    def __init__(
        self, worlds: Callable[[], Iterable[tuple[Key, World]]], wake: Callable[[Key], None]
    ) -> None:
        self._worlds = worlds
        self._wake = wake
        self._moves: dict[Key, Move] | None = None
        self._queue: dict[Key, None] = {}

    def look(self, key: Key, world: World, now: datetime) -> Mapping[str, Move]:
        """Take note of how far a database is; return the moves of all others, by namespace/name."""
        moves = self._known(now)
        before = moves.pop(key, None)
        here = move(world, before, now)
        others = {str(other): each for other, each in moves.items()}
        if here:
            moves[key] = here
        elif before:
            self._next()
        return others

    def decided(self, key: Key, world: World, image: str, now: datetime, *, queued: bool) -> None:
        """Take note of the image that a database was given, or that it waits for its turn."""
        moves = self._known(now)
        if queued:
            self._queue.setdefault(key)
            return
        waited = key in self._queue
        self._queue.pop(key, None)
        if world.statefulset and image != image_in_force(world) and key not in moves:
            moves[key] = Move(image, (tuple(behind(world, image)), 0), now)
        elif waited:
            self._next()

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a database that is gone."""
        self._queue.pop(key, None)
        if self._moves and self._moves.pop(key, None):
            self._next()

    def _next(self) -> None:
        """Queue the database that has waited longest."""
        for key in list(self._queue)[:1]:
            self._wake(key)

    def _known(self, now: datetime) -> dict[Key, Move]:
        if self._moves is None:
            found = ((key, move(world, None, now)) for key, world in self._worlds())
            self._moves = {key: each for key, each in found if each}
        return self._moves


def move(world: World, before: Move | None, now: datetime) -> Move | None:
    """Return how far a database is on its way, which it is until all instances serve with the image.

    One that Patroni does not touch (`patronictl pause`) or that has no pods to move holds nobody up.
    """
    image, statefulset = image_in_force(world), world.statefulset
    if image is None or statefulset is None or world.leadership.paused:
        return None
    known = before if before and before.image == image else None
    late, fit = tuple(behind(world, image)), sum(instance.fit for instance in world.instances)
    if not late and (known is None or fit == statefulset["spec"]["replicas"]):
        return None
    mark = (late, fit)
    return Move(image, mark, known.since if known and known.mark == mark else now)
