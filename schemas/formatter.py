"""Python's own log lines, as all lines are written: of the operator's processes, and of Patroni."""

from __future__ import annotations

import logging
import re
from typing import Final

from schemas.records import Level, Logging, Record, as_json, as_text, record

_LEVELS: Final[dict[int, Level]] = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}
_OURS: Final = re.compile(r"keddah_(?=backup\b|log\b|patroni\b)|(?=(?:controller|webhooks)\b)")
_DATABASE: Final = re.compile(r"\bdatabase=([a-z0-9.-]+/[a-z0-9.-]+)(?= |$)")
"""How keddah's own messages name one: no other text of theirs comes before it."""


class Formatter(logging.Formatter):
    """Python's own log lines."""

    def __init__(self, written: Logging = "JSON") -> None:
        super().__init__()
        self._write = as_json if written == "JSON" else as_text

    def format(self, record: logging.LogRecord) -> str:
        """Return a line of the log, or several of text."""
        return self._write(self.fields(record))

    def fields(self, said: logging.LogRecord) -> Record:
        """Return the fields of what was logged."""
        logger = _OURS.sub("keddah.", said.name, count=1) if _OURS.match(said.name) else said.name
        level = _LEVELS[max((each for each in _LEVELS if each <= said.levelno), default=logging.DEBUG)]
        msg = said.getMessage()
        found = record(said.created, level, logger, msg)
        if logger.startswith("keddah") and (named := _DATABASE.search(msg)):
            found["database"] = named[1]
        # Who formatted it before, as a queue does, has left the text alone.
        if trace := said.exc_text or (self.formatException(said.exc_info) if said.exc_info else ""):
            found["exception"] = trace
        return found
