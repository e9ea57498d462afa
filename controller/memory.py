"""What one process remembers between reconciles; a controller that has just started knows none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from controller.kube.objects import Key, Manifest, annotations_of
from controller.observe.instances.editions import Edition, behind, in_force
from controller.observe.state import ObservedState
from controller.plan import rotation
from controller.plan.access.looks import Looks
from controller.plan.conflicts import WriteHistory
from controller.plan.fleet import Move, Others, Proven, move
from controller.report.mishaps import Mishaps
from controller.report.primaries import PrimaryTerm
from schemas.rules import requests


@dataclass(slots=True)
class Memory:
    """What goes from one reconcile of a database to the next."""

    verified: str = ""
    """UID of the object whose Secrets were last read and written."""
    declared: object = None
    """What is declared of the certificate, of roles and new passwords, which these Secrets are about."""
    writes: WriteHistory = field(default_factory=WriteHistory)
    looks: Looks = field(default_factory=Looks)
    term: PrimaryTerm | None = None
    mishaps: Mishaps = field(default_factory=dict)

    def declare(self, manifest: Manifest, now: datetime) -> None:
        """Take note of what is declared that Secrets are about: at news, and in time, they are read."""
        spec, annotations = manifest.get("spec") or {}, annotations_of(manifest)
        found = (spec.get("tls"), spec.get("roles"), annotations.get(requests.ROTATION))
        if found != self.declared or self.looks.confirmed or rotation.overdue(manifest, now):
            self.declared, self.verified = found, ""


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
        self._proven = Proven()

    def look(self, key: Key, observed: ObservedState, now: datetime) -> Others:
        """Take note of how far a database is; return what all others tell it."""
        moves = self._known(now)
        before = moves.pop(key, None)
        here = move(observed, before, now)
        if here:
            moves[key] = here
        # Of a first one that has just come up, the next is to know for how long it still waits.
        came_up = here is not None and here.complete and not (before and before.complete)
        if self._ended(now) or came_up or (before and not here):
            self._next(key)
        return Others({str(other): moves[other] for other in moves if other != key}, self._proven)

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
        before, known = in_force(observed), moves.get(key)
        # It may still be on trial with what it was given before that.
        if before and chosen != before and (known is None or known.edition != chosen):
            renewed = chosen.template != before.template
            moves[key] = Move(chosen, renewed, (tuple(behind(observed, chosen)), 0), now)
            # There may be room for more than one.
            self._next()
        elif waited:
            self._next()

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a database that is gone."""
        self._queue.pop(key, None)
        if self._moves and self._moves.pop(key, None):
            self._next()

    def _ended(self, now: datetime) -> bool:
        """Drop the moves that are over, and learn from them; return whether there was one."""
        moves = self._known(now)
        over = [key for key, each in moves.items() if self._proven.over(each, now)]
        for key in over:
            self._proven = self._proven.after(moves.pop(key))
        return bool(over)

    def _next(self, looking: Key | None = None) -> None:
        """Queue the database that has waited longest, unless it is looked at just now."""
        for key in list(self._queue)[:1]:
            if key != looking:
                self._enqueue(key)

    def _known(self, now: datetime) -> dict[Key, Move]:
        if self._moves is None:
            found = ((key, move(observed, None, now)) for key, observed in self._states())
            self._moves = {key: each for key, each in found if each}
        return self._moves
