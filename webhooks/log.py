"""Log lines: a past-tense sentence, then key=value fields, one line whatever the values hold."""

from __future__ import annotations

import json
import logging
import re
import sys
import time

PLAIN = re.compile(r"[\w.,:;/@+*()\[\]-]+", re.ASCII)


def line(message: str, **fields: object) -> str:
    """Return `message key=value …`; a value that is empty or not plain ASCII is quoted as JSON."""
    return " ".join([message, *(f"{key}={_quoted(str(value))}" for key, value in fields.items())])


def _quoted(text: str) -> str:
    return text if PLAIN.fullmatch(text) else json.dumps(text)


def configure(level: int) -> None:
    """Send everything from `level` up to stderr, with UTC times; the web server speaks only of errors."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
