"""PostgreSQL versions as users write them: a major (`17`) or a minor release (`17.6`).

Since PostgreSQL 10 a version has two numbers: https://www.postgresql.org/support/versioning/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHAPE = re.compile(r"([1-9][0-9]?)(?:\.(0|[1-9][0-9]?))?", re.ASCII)
_OLDEST = 10


class VersionError(ValueError):
    """The text is no version; the message says what would be right."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A release, or with minor -1 a major that means the newest of its minors.

    A bare major sorts before its minors; whether a change goes up is for `precedes` to say.
    """

    major: int
    minor: int = -1

    @property
    def pinned(self) -> bool:
        """Whether one exact minor is meant."""
        return self.minor >= 0

    def precedes(self, other: Version) -> bool:
        """Whether this is certainly older; a bare major is neither older nor newer than its minors."""
        if self.major != other.major:
            return self.major < other.major
        return self.pinned and other.pinned and self.minor < other.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" if self.pinned else str(self.major)


def parse(text: str) -> Version:
    """Read a version; raises VersionError."""
    match = _SHAPE.fullmatch(text)
    if match is None or int(match[1]) < _OLDEST:
        raise VersionError('write a major version such as "17", or a minor release such as "17.6"')
    return Version(int(match[1]), -1 if match[2] is None else int(match[2]))
