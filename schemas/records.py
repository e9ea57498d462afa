"""One line of a log: its fields, and how it is written, the same for every program of keddah.

The image of the databases ships this module too: it needs nothing but Python's standard library.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias, get_args

Logging = Literal["JSON", "Text"]
"""How lines are written: one JSON object each, or for people."""
FORMATS: Final[tuple[str, ...]] = get_args(Logging)
Level = Literal["debug", "info", "warning", "error", "critical"]
Record: TypeAlias = dict[str, Any]
"""A line's fields: `ts`, `level`, `logger` and `msg`, always and first; then `database` and `instance` where
they are known, and what the logger has besides."""

REQUIRED: Final = ("ts", "level", "logger", "msg")


def record(moment: float, level: Level, logger: str, msg: str, **more: object) -> Record:
    """Return a line's fields; `moment` is a Unix time."""
    return {"ts": timestamp(moment), "level": level, "logger": logger, "msg": msg, **more}


def timestamp(moment: float) -> str:
    """Return a moment as all lines have it: RFC 3339, in UTC, with milliseconds."""
    written = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


def as_json(fields: Record) -> str:
    """Return one line of JSON, whatever the values hold: what is no Unicode is a question mark."""
    written = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=str)
    return written.encode(errors="replace").decode()


def as_text(fields: Record) -> str:
    """Return it for people. A message of several lines goes on after a tab, as in PostgreSQL's own log."""
    said = "\n".join([str(fields["msg"]), *filter(None, [fields.get("exception")])])
    written = f"{fields['ts']} {str(fields['level']).upper()} {fields['logger']}: {said}"
    return written.rstrip("\n").replace("\n", "\n\t").encode(errors="replace").decode()
