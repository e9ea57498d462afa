"""Which timeline of an archive was in force when, and which backups lie on its way.

A promotion goes on where the timeline before ended. A restore in place leaves it: what was written after its
target is on no way to the newest timeline any more, and neither are the backups that were made of it. They
stay in the archive, and are the only truth about the moments at which they were in force.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from .pgbackrest import PgBackRest

Backup = Mapping[str, Any]

_FILE: Final = re.compile(r"([0-9A-F]{8})\.history")
_FORK: Final = re.compile(r"\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)\s*(.*)")
_UNTARGETED: Final = "no recovery target specified"
"""What PostgreSQL writes as the reason of a timeline that began where the archive, or the WAL, ended."""
_END: Final = 1 << 64


@dataclass(frozen=True)
class Fork:
    """Where a timeline was left for the next one of the way, and why."""

    timeline: int
    location: int
    reason: str


@dataclass(frozen=True)
class Line:
    """The way to a timeline that was the newest until it was left, in seconds since 1970."""

    timeline: int
    since: float
    until: float
    ends: Mapping[int, int] | None
    """Where each timeline of the way is left, as a WAL location; None where there is but one timeline."""
    left_for: int = 0
    """The timeline that it was left for; 0 while it is in force."""
    left_at: int = 0
    """Where that one begins."""

    def has(self, backup: Backup) -> bool:
        """Whether this way leads from the end of a backup."""
        if self.ends is None:
            return True
        return location(backup["lsn"]["stop"]) <= self.ends.get(_timeline(backup["archive"]["stop"]), -1)

    def leads_through(self, segment: str) -> bool:
        """Whether a WAL segment of that name can be on this way."""
        return self.ends is None or _timeline(segment) in self.ends


def lines(program: PgBackRest, archive: Mapping[str, Any] | None) -> tuple[Line, ...]:
    """Return the ways that were in force one after another, the present one last. Raises BackupError."""
    archived = (archive or {}).get("archive") or ()
    if archive is None or not archived:
        return (PRESENT,)
    folder = f"archive/{archive['name']}/{archived[-1]['id']}"
    listed = program.run("repo-ls", "--output=json", r"--filter=^[0-9A-F]{8}\.history$", folder)
    stored = {
        int(match[1], 16): float(each["time"])
        for name, each in json.loads(listed).items()
        if (match := _FILE.fullmatch(name))
    }
    began = beginnings(stored, archive.get("backup") or ())
    forks: dict[int, tuple[Fork, ...]] = {}
    for number in sorted(began, reverse=True):
        if number not in forks:
            way = history(program.run("repo-get", f"{folder}/{number:08X}.history"))
            forks |= {each.timeline: way[:at] for at, each in enumerate(way)} | {number: way}
    return in_force(began, forks)


def beginnings(stored: Mapping[int, float], backups: Sequence[Backup]) -> dict[int, float]:
    """Return by when each timeline had begun, given when its history file was stored last.

    Each promotion has all of them stored anew. A backup of a timeline, or of one with a number above it, was
    begun after it; before the first of these nothing is left to restore from but what was there before.
    """
    first = [(_timeline(each["archive"]["start"]), float(each["timestamp"]["start"])) for each in backups]
    return {
        number: min([time, *(second for timeline, second in first if timeline >= number)])
        for number, time in stored.items()
    }


def history(text: str) -> tuple[Fork, ...]:
    """Read a timeline history file (PostgreSQL, timeline.c: a line for each timeline before this one)."""
    found = map(_FORK.match, text.splitlines())
    return tuple(Fork(int(each[1]), location(each[2]), each[3].strip()) for each in found if each)


def in_force(began: Mapping[int, float], forks: Mapping[int, tuple[Fork, ...]]) -> tuple[Line, ...]:
    """Return the ways, given when each timeline began and how it came about.

    The number of a new timeline is above all others, so the one before it in number was in force before it.
    """
    numbers = sorted(forks)
    found: list[Line] = []
    since = -math.inf
    for before, number in pairwise(numbers):
        last = forks[number][-1] if forks[number] else None
        if last is None or (last.timeline == before and last.reason.startswith(_UNTARGETED)):
            continue
        until = began.get(number, since)
        found.append(Line(before, since, until, _ends(before, forks[before]), number, last.location))
        since = until
    newest = numbers[-1] if numbers else 0
    return (*found, Line(newest, since, math.inf, _ends(newest, forks[newest])) if newest else PRESENT)


def at(ways: Sequence[Line], moment: float | None) -> Line:
    """Return the way that was in force at a moment, else the present one."""
    return next((each for each in ways if moment is not None and moment < each.until), ways[-1])


def restorable_from(ways: Sequence[Line], ended: Sequence[tuple[int, Backup]]) -> int | None:
    """Return the second from which on any can be restored, of backups that ended then; None for none."""
    begins: int | None = None
    for way in reversed(ways):
        own = [second + 1 for second, backup in ended if way.has(backup)]
        first = min(own, default=math.inf)
        if first >= way.until:
            break
        begins = int(max(first, way.since))
        if first > way.since:
            break
    return begins


def location(text: str) -> int:
    """Read a WAL location, `0/5000028`."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _timeline(segment: str) -> int:
    return int(segment[:8], 16)


def _ends(number: int, way: Sequence[Fork]) -> dict[int, int]:
    return {**{each.timeline: each.location for each in way}, number: _END}


PRESENT: Final = Line(0, -math.inf, math.inf, None)
"""Of an archive that has but one."""
