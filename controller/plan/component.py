"""A component of a database, as the planner asks it: what it consists of, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from controller.kube.objects import Manifest
from controller.plan.actions import Action, Disruption, Remedy
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.situation import Situation

Step: TypeAlias = Callable[[Situation], Disruption | Outcome | None]
"""A question about the situation: the next disruptive action, a reason to wait, or None."""


_OWNERSHIP_RECHECK_SECONDS = 60.0
"""Seconds between two checks of an object of another owner: without our label it is not watched."""


def owned_by_other(words: str) -> Stalled:
    """Report children of somebody else, which are never taken over."""
    return Stalled("ChildOwnedByOther", words, after=_OWNERSHIP_RECHECK_SECONDS)


def none(_: Situation) -> tuple[()]:
    """Return nothing, for what a component has no use of."""
    return ()


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a database: its instances, a repository of backups, or a pooler."""

    name: str
    """Value of the label app.kubernetes.io/component of its children."""
    children: Callable[[Situation], Iterable[Manifest]]
    """Every child but the Secrets, in the order of writing."""
    obstacle: Callable[[Situation], Stalled | Waiting | None] = lambda _: None
    """Why nothing at all may be written."""
    remedies: Callable[[Situation], Iterable[Remedy]] = none
    """What comes before anything else, since applications cannot write meanwhile."""
    preparations: Callable[[Situation], Iterable[Action]] = none
    """What must be done before its pods are created or change."""
    upkeep: Callable[[Situation], Iterable[Action]] = none
    """What disrupts nobody, beside the writing of children: volumes, reloads."""
    awaited: frozenset[str] = frozenset()
    """Kinds whose change others must process before anything is disrupted."""
    steps: tuple[Step, ...] = ()
    """Questions, in the order in which the first answer counts."""
    again: Callable[[Situation], float | None] = lambda _: None
    """Seconds until something is due of which no event tells; None for nothing. It ends no questions."""
