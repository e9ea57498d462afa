"""Back-off for contested children: another controller or a mutating webhook reverts each of our writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.kube.objects import Key
from controller.plan.actions import Action, Apply
from controller.plan.outcome import Done, Waiting
from controller.plan.planner import Plan

_ENOUGH = 3
"""Consecutive reconciles with the same writes, after which they count as contested."""
_FIRST_SECONDS = 15.0
_MOST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Contest:
    """The repeated writes, how often in a row, and until when they are not tried again."""

    writes: tuple[Apply, ...]
    rounds: int
    until: datetime


class Contests:
    """Remembers, for each database, which writes had to be repeated."""

    def __init__(self) -> None:
        self._known: dict[Key, _Contest] = {}

    def held(self, key: Key, chosen: Plan, now: datetime) -> Plan | None:
        """Return the plan without the contested writes during the back-off; None when there is none."""
        last = self._known.get(key)
        if last is None or now >= last.until or _rewrites(chosen.actions) != last.writes:
            return None
        rest = tuple(action for action in chosen.actions if action not in last.writes)
        return _with_contest(replace(chosen, actions=rest), last, now)

    def counted(self, key: Key, chosen: Plan, now: datetime) -> Plan:
        """Record a plan that was executed; return it, with a longer wait if its writes are contested."""
        writes, last = _rewrites(chosen.actions), self._known.get(key)
        if not writes:
            self.forget(key)
            return chosen
        rounds = last.rounds + 1 if last and last.writes == writes else 1
        seconds = min(_FIRST_SECONDS * 2 ** (rounds - _ENOUGH), _MOST_SECONDS) if rounds >= _ENOUGH else 0.0
        self._known[key] = contest = _Contest(writes, rounds, now + timedelta(seconds=seconds))
        return _with_contest(chosen, contest, now) if seconds else chosen

    def forget(self, key: Key) -> None:
        """Forget a database."""
        self._known.pop(key, None)


def _with_contest(chosen: Plan, contest: _Contest, now: datetime) -> Plan:
    """Report the contest, unless the plan waits for something else, which may need an earlier reconcile."""
    if not isinstance(chosen.outcome, Done) and chosen.outcome.reason != "Reconciling":
        return chosen
    what = "; ".join(f"{str(write).removeprefix('apply ')}: {write.reason}" for write in contest.writes)
    message = f"{what} again after each write; another controller or a mutating webhook seems to change it"
    return replace(chosen, outcome=Waiting((contest.until - now).total_seconds(), "ChildAltered", message))


def _rewrites(actions: Iterable[Action]) -> tuple[Apply, ...]:
    return tuple(action for action in actions if isinstance(action, Apply) and not action.absent)
