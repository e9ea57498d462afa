"""PostgreSQL's own lines: those of its `jsonlog`, and those for people, which a server begins with.

What is in SERVER_FIELDS has the names of PostgreSQL's documentation (Error Reporting and Logging, Keys and
values of JSON log entries).
"""

from __future__ import annotations

import json
import re
from typing import Final

from controller.protocol.logs import SERVER, SERVER_FIELDS
from schemas.records import Level, Record, record

_LEVELS: Final[dict[str, Level]] = {
    **dict.fromkeys(("DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5"), "debug"),
    "WARNING": "warning",
    "ERROR": "error",
    # It ends a session, such as that of a wrong password; PANIC ends all of them.
    "FATAL": "error",
    "PANIC": "critical",
}
"""Of LOG, INFO, NOTICE, and what is said besides: info."""
_MOMENT: Final = r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) (?:UTC|GMT)"
_STAMP: Final = re.compile(_MOMENT)
_WORDS: Final = "DEBUG[1-5]?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC"
_BESIDES: Final = "DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE"
# The prefix is the user's (`log_line_prefix`); no program but PostgreSQL has two spaces there.
_TEXT: Final = re.compile(rf"(?:{_MOMENT} )?([^\n]{{0,400}}?)\b({_WORDS}|{_BESIDES}):  (.*)", re.DOTALL)
_PROCESS: Final = re.compile(r"\[(\d+)\]")
_ENDS: Final = ('"}', "}", "")
_LAST: Final = 16
"""How many characters an escape can have that a cut has split, with room."""


def of_json(line: str, now: float) -> Record:
    """Return a line of `jsonlog` as all lines are; `now` is when it was said, unless it tells."""
    found = _read(line)
    if found is None:
        return record(now, "info", SERVER, line)
    severity, msg = str(found.get("error_severity", "LOG")), str(found.pop("message", ""))
    fields = record(now, _LEVELS.get(severity, "info"), SERVER, msg)
    if stamp := _STAMP.fullmatch(str(found.get("timestamp", ""))):
        fields["ts"] = f"{stamp[1]}T{stamp[2]}Z"
        found.pop("timestamp")
    return {**fields, SERVER_FIELDS: found}


def of_text(line: str, now: float) -> Record | None:
    """Return a line for people as all lines are; None where it is not PostgreSQL's."""
    match = _TEXT.match(line)
    if match is None:
        return None
    day, time, prefix, severity, msg = match.groups()
    process = _PROCESS.search(prefix)
    own = {"error_severity": severity, **({"pid": int(process[1])} if process else {})}
    fields = record(now, _LEVELS.get(severity, "info"), SERVER, msg, **{SERVER_FIELDS: own})
    return {**fields, "ts": f"{day}T{time}Z"} if day else fields


def _read(line: str) -> Record | None:
    """Read an object, also one whose last value was cut."""
    for shorter in range(_LAST):
        for end in _ENDS:
            try:
                found = json.loads(line[: len(line) - shorter] + end)
            except ValueError:
                continue
            return found if isinstance(found, dict) else None
        if line.endswith("}"):
            return None
    return None
