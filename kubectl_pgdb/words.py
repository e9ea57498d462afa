"""Moments, amounts of data and next steps, as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60))
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP: Final = 1024
_SMALL: Final = 10
_KUBECTL: Final = re.compile(r"kubectl(?: pgdb [a-z-]+)?(?= )")
"""Flags of a plugin stand behind its name, and its command's behind that."""
NOTHING: Final = "–"  # noqa: RUF001 - a dash where there is nothing to tell


def moment(text: object) -> datetime | None:
    """Read a time as Kubernetes writes it; None when there is none."""
    try:
        read = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def age(since: datetime | None, now: datetime) -> str:
    """Say how long ago something was, such as `3 h`; a dash where nobody knows."""
    if since is None:
        return NOTHING
    seconds = max(0, int((now - since).total_seconds()))
    return next((f"{seconds // size} {unit}" for unit, size in _UNITS if seconds >= size), f"{seconds} s")


def ago(since: datetime | None, now: datetime) -> str:
    """Say it with `ago`, or `never`."""
    return "never" if since is None else f"{age(since, now)} ago"


def size(count: float) -> str:
    """Write a number of bytes, such as `1.5 GiB`."""
    unit = 0
    while count >= _STEP and unit < len(_SIZES) - 1:
        count, unit = count / _STEP, unit + 1
    digits = 1 if unit and count < _SMALL and round(count, 1) != round(count) else 0
    return f"{count:.{digits}f} {_SIZES[unit]}"


def about(step: str, name: str, flags: Iterable[str] = ()) -> str:
    """Return a next step of the table of reasons for a database of this name.

    `flags`: those by which kubectl found it, which the commands in it need too.
    """
    given = "".join(f" {flag}" for flag in flags)
    return _KUBECTL.sub(rf"\g<0>{given}", step.replace("NAME", name))
