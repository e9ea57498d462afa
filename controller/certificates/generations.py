"""Passwords over time: of each that was rotated, which generation is in use; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Generation:
    """Which password of a role is in its Secret: 0 is the one that it was made with."""

    number: int
    since: datetime
    """When it came into the Secret; of the first, when rotation was asked for."""
    upcoming: bool = False
    """Whether the server is being told the next one."""

    @property
    def newest(self) -> int:
        """The number of the newest one that the server is to know."""
        return self.number + self.upcoming

    def begun(self) -> Self:
        """Return it while the next is being prepared."""
        return replace(self, upcoming=True)

    def followed(self, now: datetime) -> Self:
        """Return the next one, which the server knows."""
        return replace(self, number=self.number + 1, since=now, upcoming=False)


def purpose(base: str, number: int) -> str:
    """Return what a password of that generation is derived for; no other purpose begins with a digit."""
    return f"{number}.{base}" if number else base


def in_use(generations: Mapping[str, Generation], base: str) -> int:
    """Return which password of that purpose is in use."""
    known = generations.get(base)
    return known.number if known else 0


def encode(generations: Mapping[str, Generation]) -> str:
    """Write them as JSON."""
    return json.dumps(
        {name: asdict(each) | {"since": each.since.isoformat()} for name, each in generations.items()},
        sort_keys=True,
    )


def decode(text: str) -> dict[str, Generation]:
    """Read them; raises ValueError when damaged."""
    try:
        return {name: _read(entry) for name, entry in json.loads(text).items()} if text else {}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("the generations of passwords cannot be read") from error


def _read(entry: Mapping[str, Any]) -> Generation:
    since = datetime.fromisoformat(entry["since"])
    return Generation(int(entry["number"]), since, bool(entry["upcoming"]))
