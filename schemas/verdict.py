"""The result of validation: every mistake with its field path, and warnings."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

LONGEST_VALUE = 60
"""Characters of a value that a message repeats; the rest is cut."""

LONGEST_WARNING = 119
"""Characters of a warning: the API server cuts warnings of 120 and more when it logs them."""


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One mistake. The message reads `got X; what is allowed, or what to do`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Any violation rejects the object; warnings are shown to whoever sent it."""

    violations: tuple[Violation, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether there are no violations."""
        return not self.violations


def shown(value: object) -> str:
    """Format a value for a message: as JSON, so that newlines are escaped, and truncated when long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def got(path: str, value: object, allowed: str) -> Violation:
    """Return a violation in the form that every message has: `got X; what is allowed`."""
    return Violation(path, f"got {shown(value)}; {allowed}")


def warning(text: str) -> str:
    """Cut a warning to the length that every client shows in full."""
    return text if len(text) <= LONGEST_WARNING else f"{text[: LONGEST_WARNING - 3]}..."


def listed(words: tuple[str, ...] | list[str], most: int = 8, joint: str = "and") -> str:
    """Join words as a sentence does, naming at most so many: `a, b and 3 more`."""
    if len(words) > most:
        return f"{', '.join(words[: most - 1])} {joint} {len(words) - most + 1} more"
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else "".join(words)


_PLAIN = re.compile(r"[A-Za-z_][-A-Za-z0-9_]*")


def field_path(*parts: str | int) -> str:
    """Join the parts of a path; the first may be a path already, keys that are no plain word are quoted."""
    path = str(parts[0]) if parts else ""
    for part in parts[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            path += f".{part}" if path else part
        else:
            path += f"[{shown(part)}]"
    return path
