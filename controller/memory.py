"""What one process remembers between reconciles; a controller that has just started knows none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.kube.objects import Key
from controller.observe.instances.editions import Edition, behind, in_force
from controller.observe.state import ObservedState
from controller.plan.conflicts import WriteHistory
from controller.plan.fleet import Move, move
from controller.report.mishaps import Mishaps
from controller.report.primaries import PrimaryTerm


@dataclass(slots=True)
class Memory:
    """What goes from one reconcile of a database to the next."""

    verified: str = ""
    """UID of the object whose Secrets were last read and written."""
    writes: WriteHistory = field(default_factory=WriteHistory)
    term: PrimaryTerm | None = None
    mishaps: Mishaps = field(default_factory=dict)


class Fleet:
    """Remembers which databases are being upgraded, and which wait for them.

    `look` and `decided` are called one after the other, with nothing awaited between them: so two databases
    never take the same place.
    """

    def __init__(
        self, states: Callable[[], Iterable[tuple[Key, ObservedState]]], enqueue: Callable[[Key], None]
    ) -> None:
        self._states = states
        self._enqueue = enqueue
        self._moves: dict[Key, Move] | None = None
        self._queue: dict[Key, None] = {}

    def look(self, key: Key, observed: ObservedState, now: datetime) -> Mapping[str, Move]:
        """Take note of how far a database is; return the moves of all others, by namespace/name."""
        moves = self._known(now)
        before = moves.pop(key, None)
        here = move(observed, before, now)
        others = {str(other): each for other, each in moves.items()}
        if here:
            moves[key] = here
        elif before:
            self._next()
        return others

    def decided(
        self, key: Key, observed: ObservedState, chosen: Edition, now: datetime, *, queued: bool
    ) -> None:
        """Take note of the edition that a database was given, or that it waits for its turn."""
        moves = self._known(now)
        if queued:
            self._queue.setdefault(key)
            return
        waited = key in self._queue
        self._queue.pop(key, None)
        before = in_force(observed)
        if before and chosen != before and key not in moves:
            renewed = chosen.template != before.template
            moves[key] = Move(chosen, renewed, (tuple(behind(observed, chosen)), 0), now)
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
            self._enqueue(key)

    def _known(self, now: datetime) -> dict[Key, Move]:
        if self._moves is None:
            found = ((key, move(observed, None, now)) for key, observed in self._states())
            self._moves = {key: each for key, each in found if each}
        return self._moves
