"""Log lines: a past-tense sentence, then key=value fields, one line whatever the values hold."""

from __future__ import annotations

import json
import logging
import re

from schemas.processes import DEFAULT_LOG, Log, log_to_stderr

PLAIN = re.compile(r"[\w.,:;/@+*()\[\]-]+", re.ASCII)


def line(message: str, **fields: object) -> str:
    """Return `message key=value …`; a value that is empty or not plain ASCII is quoted as JSON."""
    return " ".join([message, *(f"{key}={_quoted(str(value))}" for key, value in fields.items())])


def _quoted(text: str) -> str:
    return text if PLAIN.fullmatch(text) else json.dumps(text)


def configure(log: Log = DEFAULT_LOG) -> None:
    """Send what is asked for to standard error; the web server speaks only of errors."""
    log_to_stderr(log)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
