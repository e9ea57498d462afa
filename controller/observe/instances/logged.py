"""What a server said last in its log, in whichever format each line is: as JSON, or for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from controller.protocol.logs import SERVER, SERVER_FIELDS

_LAST_WORDS = re.compile(
    # After another severity, or a tab, the text is quoted from a user's statement.
    r"^(?!\t)(?:(?!ERROR:|LOG:|STATEMENT:|DETAIL:|CONTEXT:|QUERY:|HINT:).)*?\b(?:FATAL|PANIC):  (.*)$"
)
_LAST = ("FATAL", "PANIC")


def last_words(log: str) -> Iterator[str]:
    """Give the FATAL and PANIC messages of PostgreSQL's own; nothing of a user's can make one."""
    for line in log.split("\n"):
        if not line.startswith("{"):
            yield from _LAST_WORDS.findall(line)
            continue
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if said.get("logger") == SERVER and (said.get(SERVER_FIELDS) or {}).get("error_severity") in _LAST:
            yield str(said.get("msg", ""))
