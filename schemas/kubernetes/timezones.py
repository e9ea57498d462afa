"""Time zones as CronJob's `timeZone` takes them: names of the IANA database.

The rule is validateTimeZone in pkg/apis/batch/validation of Kubernetes.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

_COMPONENT = re.compile(r"(?!\.{1,2}\Z)(?!-)[A-Za-z.\-_0-9+]{1,14}", re.ASCII)
_EXAMPLE = "write an IANA name such as UTC or Europe/Berlin"


def problem(name: str) -> str | None:
    """Say what is wrong with a time zone's name, None if nothing is."""
    if not name:
        return f"must not be empty; {_EXAMPLE}, or leave the field out"
    if name.lower() in {"local", "localtime"}:
        return f"differs from machine to machine; {_EXAMPLE}"
    if name.startswith(("posix/", "right/")):
        return f"is a variant that not every system has; {_EXAMPLE}"
    if not all(_COMPONENT.fullmatch(part) for part in name.split("/")):
        return f"is no time zone; {_EXAMPLE}"
    return None if _loads(name) else f"is not in the time zone database; {_unknown(name)}"


def _loads(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A folder of the database, such as "Europe", raises one or another OSError by platform.
        return False
    return True


@cache
def _by_small_letters() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def _unknown(name: str) -> str:
    same = _by_small_letters().get(name.lower())
    return f"did you mean {same}?" if same else _EXAMPLE
