"""What programs write for people becomes lines like all others: whose it is, how grave, and what is said."""

from __future__ import annotations

import json
import re
from typing import Final

from schemas.records import REQUIRED, Level, Record, record

from . import postgres

_PGBACKREST: Final = re.compile(
    r"(?:(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} )?P(\d+) +)?"
    r"(ASSERT|ERROR|WARN|INFO|DETAIL|DEBUG|TRACE): (?! )(.*)",
    re.DOTALL,
)
"""PostgreSQL has two spaces there."""
_PATRONI: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (\w+): (.*)", re.DOTALL)
"""What Patroni says before it has read how to log, and where it runs by itself."""
_TOOL: Final = re.compile(r"(initdb|psql|pg_[a-z]+|pgbackrest|tini): (?:(\w+): )?(.*)", re.DOTALL)
_BEGIN: Final = '{"ts":"'
_LEVELS: Final[dict[str, Level]] = {
    **dict.fromkeys(("DEBUG", "TRACE", "DETAIL"), "debug"),
    **dict.fromkeys(("WARN", "WARNING"), "warning"),
    "ERROR": "error",
    **dict.fromkeys(("FATAL", "CRITICAL", "ASSERT"), "critical"),
}


def of_program(line: str, now: float, logger: str) -> Record:
    """Return what a program has written at `now`; `logger` is whose it is if it does not tell."""
    if (told := _object(line, now, logger)) is not None:
        return told
    if match := _PGBACKREST.match(line):
        process = {"process": int(match[1])} if match[1] else {}
        return record(now, _level(match[2]), "pgbackrest", match[3], **process)
    if (said := postgres.of_text(line, now)) is not None:
        return said
    if match := _PATRONI.match(line):
        return record(now, _level(match[1]), "patroni", match[2])
    if match := _TOOL.match(line):
        tool, severity, rest = match.groups()
        graver = (severity or "").upper() in _LEVELS
        # What stands before a colon is a severity, or the sentence's own.
        msg = rest if graver or severity is None else f"{severity}: {rest}"
        return record(now, _level(severity or ""), tool, msg)
    return record(now, "info", logger, line)


def apart(line: str) -> list[str]:
    """Return what two programs have written to one line: one of these, after a beginning of the other's."""
    at = line.find(_BEGIN)
    return [line[:at], line[at:]] if at > 0 and line.endswith("}") else [line]


def _object(line: str, now: float, logger: str) -> Record | None:
    """Return a line that is one already; what is JSON, but none of ours, is a program's result."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if all(isinstance(found.get(name), str) for name in REQUIRED):
        return dict(found)
    return record(now, "info", logger, "Result", result=found)


def _level(word: str) -> Level:
    return _LEVELS.get(word.upper(), "info")


class Joined:
    """Puts lines together that are one: what begins with a space or a tab goes on where the last ended."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: list[str] = []
        self._size = 0

    @property
    def held(self) -> bool:
        """Whether a line is waited on."""
        return bool(self._lines)

    def take(self, line: str) -> str | None:
        """Take a line; return the one that is whole by that."""
        if self._lines and line.startswith((" ", "\t")) and self._size + len(line) <= self._most:
            self._add(line.removeprefix("\t"))
            return None
        whole = self.end()
        self._add(line)
        return whole

    def end(self) -> str | None:
        """Return what is held: nothing follows."""
        whole = "\n".join(self._lines) if self._lines else None
        self._lines, self._size = [], 0
        return whole

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)
