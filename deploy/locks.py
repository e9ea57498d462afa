"""The lock files of requirements/, read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOCKS: Final = Path(__file__).parents[1] / "requirements"
_PINNED: Final = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)(.*(?:\n +.*)*)", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Release:
    """A release that a lock names, and the files of it that may be installed."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        """Return it as a lock has it."""
        return f"{self.name}=={self.version}"


def releases(texts: Iterable[str]) -> list[Release]:
    """Return what the locks name, each once."""
    found = {
        Release(name, version, frozenset(_HASH.findall(rest)))
        for text in texts
        for name, version, rest in _PINNED.findall(text)
    }
    return sorted(found, key=str)
