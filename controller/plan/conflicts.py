"""Writes that are put off: contested ones, which somebody reverts, and refused ones.

Another controller, or a mutating webhook, reverts each write of a contested child. A refused one breaks a
rule of the API server, a quota or a validating webhook. Neither may hold up what else the database needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from controller.plan.actions import Action, Apply
from controller.plan.outcome import Done, Outcome, Stalled, Waiting

_ENOUGH = 3
"""Consecutive reconciles with the same writes, after which they count as contested."""
_FIRST_SECONDS = 15.0
_MOST_SECONDS = 600.0
REFUSED_SECONDS = 30.0
"""After which a refused write is tried again: what refused it (a quota, a webhook) is not watched."""
_PROGRESS = frozenset(
    {"Creating", "InstancesEnding", "InstancesStarting", "NoPrimary", "Reconciling", "StandbysCatchingUp"}
)
"""Reasons of a database that waits for what the refused write may have to bring."""

Refusal: TypeAlias = tuple[Action, str]
"""What was refused, and the API server's words."""


@dataclass(frozen=True, slots=True)
class Rewrites:
    """The same writes of existing children, how often in a row, and until when they are not tried again."""

    writes: tuple[Apply, ...] = ()
    rounds: int = 0
    until: datetime | None = None
    """None as long as they are not contested."""


@dataclass(frozen=True, slots=True)
class RefusedWrite:
    """A write that was refused, the API server's words, and until when it is not tried again."""

    write: Apply
    why: str
    until: datetime


@dataclass(frozen=True, slots=True)
class WriteHistory:
    """The writes of one database that had to be repeated, and those that were refused."""

    rewrites: Rewrites = Rewrites()
    refused: tuple[RefusedWrite, ...] = ()

    def held(self, actions: Iterable[Action], now: datetime) -> tuple[Apply, ...]:
        """Return which writes of these actions are not to be tried now."""
        planned = [action for action in actions if isinstance(action, Apply)]
        refused = [each.write for each in self._pending(now) if each.write in planned]
        rewrites = tuple(write for write in _rewrites(planned) if write not in refused)
        contested = rewrites if self._contested(now) and rewrites == self.rewrites.writes else ()
        return (*contested, *refused)

    def after(
        self, executed: Iterable[Action], refused: Iterable[Refusal], held: Iterable[Apply], now: datetime
    ) -> WriteHistory:
        """Return the history after a reconcile that executed these actions and held these writes."""
        until = now + timedelta(seconds=REFUSED_SECONDS)
        new = (RefusedWrite(each, why, until) for each, why in refused if isinstance(each, Apply))
        refused_before = [each.write for each in self._pending(now)]
        contested = any(write not in refused_before for write in held)
        rewrites = self.rewrites if contested else _counted(self.rewrites, executed, now)
        return WriteHistory(rewrites, (*self._pending(now), *new))

    def told(self, outcome: Outcome, now: datetime) -> Outcome:
        """Return the outcome of the rest, or what is put off where that matters more."""
        pending = self._pending(now)
        if pending and (isinstance(outcome, Done) or outcome.reason in _PROGRESS):
            why = "; ".join(each.why for each in pending)
            return Stalled("WriteRefused", why, after=_seconds(pending[0].until, now))
        if self.rewrites.until is not None and self._contested(now):
            return _with_conflict(outcome, self.rewrites, self.rewrites.until, now)
        return outcome

    def refused_secrets(self, now: datetime) -> dict[str, str]:
        """Return the Secrets that could not be written, by name, and the API server's words."""
        return {
            each.write.manifest["metadata"]["name"]: each.why
            for each in self._pending(now)
            if each.write.manifest["kind"] == "Secret"
        }

    def _pending(self, now: datetime) -> tuple[RefusedWrite, ...]:
        return tuple(each for each in self.refused if now < each.until)

    def _contested(self, now: datetime) -> bool:
        return self.rewrites.until is not None and now < self.rewrites.until


def _counted(before: Rewrites, executed: Iterable[Action], now: datetime) -> Rewrites:
    writes = _rewrites(executed)
    if not writes:
        return Rewrites()
    rounds = before.rounds + 1 if before.writes == writes else 1
    if rounds < _ENOUGH:
        return Rewrites(writes, rounds)
    seconds = min(_FIRST_SECONDS * 2 ** (rounds - _ENOUGH), _MOST_SECONDS)
    return Rewrites(writes, rounds, now + timedelta(seconds=seconds))


def _with_conflict(outcome: Outcome, rewrites: Rewrites, until: datetime, now: datetime) -> Outcome:
    """Report the conflict, unless the plan waits for something else, which may need an earlier reconcile."""
    if not isinstance(outcome, Done) and outcome.reason != "Reconciling":
        return outcome
    what = "; ".join(f"{str(write).removeprefix('apply ')}: {write.reason}" for write in rewrites.writes)
    message = f"{what} again after each write; another controller or a mutating webhook seems to change it"
    return Waiting(_seconds(until, now), "ChildAltered", message)


def _seconds(moment: datetime, now: datetime) -> float:
    return (moment - now).total_seconds()


def _rewrites(actions: Iterable[Action]) -> tuple[Apply, ...]:
    return tuple(action for action in actions if isinstance(action, Apply) and not action.absent)
