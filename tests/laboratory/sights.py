"""Who acknowledged commits when, as the witness saw it, and what that says; no clock and no database here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise


@dataclass(frozen=True)
class Sight:
    """One instance's answer to a write of its own; true at some moment between the two times."""

    instance: str
    asked: float
    answered: float
    writable: bool


@dataclass(frozen=True)
class Reign:
    """One instance acknowledged commits, and no other did in between."""

    instance: str
    begin: float
    end: float


def rivals(sights: Iterable[Sight]) -> list[tuple[Sight, Sight]]:
    """Return the proofs that two instances acknowledged commits at one moment.

    One instance was asked and said yes, then another did, and then the first said yes again: from the
    first yes to the last it was writable, and so was the other in between.
    """
    ordered = sorted(sights, key=lambda sight: sight.asked)
    proofs = []
    for name in {sight.instance for sight in ordered}:
        others = [sight for sight in ordered if sight.instance != name and sight.writable]
        asked = [sight.asked for sight in others]
        for first, last in pairwise(sight for sight in ordered if sight.instance == name):
            if first.writable and last.writable:
                between = others[bisect_left(asked, first.answered) : bisect_left(asked, last.asked)]
                proofs += [(last, other) for other in between if other.answered <= last.asked]
    return proofs


def reigns(sights: Iterable[Sight]) -> list[Reign]:
    """Return who acknowledged from when to when, in order."""
    yes = sorted((sight for sight in sights if sight.writable), key=lambda sight: sight.answered)
    runs = [list(run) for _, run in groupby(yes, key=lambda sight: sight.instance)]
    return [_reign(run) for run in runs]


def _reign(run: Sequence[Sight]) -> Reign:
    return Reign(run[0].instance, run[0].asked, run[-1].answered)
