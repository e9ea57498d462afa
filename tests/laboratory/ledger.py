"""What was acknowledged when, and what that says; no clock and no database here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Gap:
    """The time between two acknowledged commits that follow one another."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long nothing was acknowledged."""
        return self.end - self.begin


@dataclass(frozen=True)
class Ledger:
    """One writer's notes: times in seconds of the monotonic clock."""

    acknowledged: dict[int, float]
    failures: tuple[tuple[float, str], ...]

    def longest(self, since: float) -> Gap:
        """Return the longest gap that ends after `since`; raises ValueError where nothing was written."""
        times = sorted(self.acknowledged.values())
        gaps = (Gap(before, after) for before, after in pairwise(times) if after >= since)
        return max(gaps, key=lambda gap: gap.seconds)

    def after(self, moment: float) -> int:
        """Count what was acknowledged after a moment."""
        return sum(time > moment for time in self.acknowledged.values())

    def reasons(self, gap: Gap) -> dict[str, int]:
        """Count what the writer was told during a gap, by the message, in order of time."""
        return dict(Counter(words for time, words in self.failures if gap.begin <= time <= gap.end))


def parse(text: str) -> Ledger:
    """Read the notes; a last line that is being written is left out."""
    acknowledged, failures = {}, []
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        word, time, rest = line.rstrip("\n").split(" ", 2)
        if word == "acknowledged":
            acknowledged[int(rest)] = float(time)
        else:
            failures.append((float(time), rest))
    return Ledger(acknowledged, tuple(failures))


@dataclass(frozen=True)
class Balance:
    """The ledger against the table: both must be empty."""

    lost: tuple[int, ...]
    doubled: tuple[int, ...]


def balance(ledger: Ledger, rows: Iterable[int]) -> Balance:
    """Compare. Rows that nobody acknowledged may be there: their writer was cut off before the answer."""
    found = Counter(rows)
    lost = tuple(sorted(ledger.acknowledged.keys() - found.keys()))
    return Balance(lost, tuple(sorted(row for row, count in found.items() if count > 1)))
