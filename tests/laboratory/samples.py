"""Evaluates the witness's samples: which instance acknowledged commits when, and whether two did at once.

It has neither clock nor database.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise


@dataclass(frozen=True)
class Sample:
    """One instance's answer to a test write; it is true at some moment between the two times.

    A write is asked for when its instance has said that it is not in recovery, and not before.
    """

    instance: str
    asked: float
    answered: float
    writable: bool


@dataclass(frozen=True)
class PrimaryTerm:
    """The time in which one instance acknowledged commits, and no other did."""

    instance: str
    begin: float
    end: float


def split_brain(samples: Iterable[Sample]) -> list[tuple[Sample, Sample]]:
    """Return the pairs of samples which prove that two instances acknowledged commits at the same time.

    One instance acknowledged a write, then another one did, and then the first did again: the first was
    writable all the time, and the other in between.
    """
    ordered = sorted(samples, key=lambda sample: sample.asked)
    proofs = []
    for name in {sample.instance for sample in ordered}:
        others = [sample for sample in ordered if sample.instance != name and sample.writable]
        asked = [sample.asked for sample in others]
        for first, last in pairwise(sample for sample in ordered if sample.instance == name):
            if first.writable and last.writable:
                between = others[bisect_left(asked, first.answered) : bisect_left(asked, last.asked)]
                proofs += [(last, other) for other in between if other.answered <= last.asked]
    return proofs


def primary_terms(samples: Iterable[Sample]) -> list[PrimaryTerm]:
    """Return the terms of the primaries, in order of time.

    The order is that of asking: an instance was asked for what it acknowledged before it stopped being
    primary, and its successor after that. A busy witness may note the answers in another order.
    """
    yes = sorted((sample for sample in samples if sample.writable), key=lambda sample: sample.asked)
    runs = [list(run) for _, run in groupby(yes, key=lambda sample: sample.instance)]
    nexts = [*(run[0].asked for run in runs[1:]), math.inf]
    return [
        PrimaryTerm(run[0].instance, run[0].asked, min(run[-1].answered, following))
        for run, following in zip(runs, nexts, strict=False)
    ]
