"""Lines of logs as kubectl gives them, with `--prefix --timestamps`: JSON objects, or text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_PREFIXED: Final = re.compile(r"\[pod/([^/]+)/([^\]]+)\] (?:(\d{4}-\S+) ?)?(.*)", re.DOTALL)
_LEVEL: Final = re.compile(r"\b(DEBUG\d?|INFO|NOTICE|LOG|WARNING|WARN|ERROR|FATAL|PANIC|CRITICAL)\b:? ")
_OWN: Final = frozenset({"ts", "level", "logger", "msg", "database", "instance", "namespace"})
"""Fields that have a place of their own in a line for people."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    at: str
    """RFC 3339: the line's own moment, or else the kubelet's."""
    instance: str
    logger: str
    level: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)
    stamp: str = ""
    """When the kubelet had it: by that kubectl goes on where it was."""
    source: str = ""
    """Pod and container."""


def read(text: str) -> Line:
    """Read a line; text that is no JSON has the level that is written in it, and its container as logger."""
    match = _PREFIXED.fullmatch(text)
    pod, container, at, said = match.groups() if match else ("", "", "", text)
    found, stamp, source = _object(said), at or "", f"{pod}/{container}"
    if found is None:
        level = _LEVEL.search(said[:120])
        return Line(stamp, pod, container, level[1] if level else "", said, stamp=stamp, source=source)
    more = {key: value for key, value in found.items() if key not in _OWN}
    return Line(
        str(found.get("ts") or stamp),
        str(found.get("instance") or pod),
        str(found.get("logger") or container),
        str(found.get("level", "")).upper(),
        str(found["msg"]),
        more,
        stamp,
        source,
    )


def _object(said: str) -> dict[str, Any] | None:
    if not said.startswith("{"):
        return None
    try:
        found = json.loads(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "msg" in found else None
