"""Moments in time, as the API server takes a `date-time` (RFC 3339, section 5.6).

Its rules (CEL) cannot read the small letters that section 5.6 allows, and fail with words of their own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

EXAMPLE = "2026-11-27T10:00:00Z"
EXPECTED = f"must be an RFC 3339 moment with its time zone, such as {EXAMPLE}"

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def parse(text: str) -> datetime | None:
    """Read a moment, in UTC; None for what is none. What is finer than a microsecond is cut off."""
    if not _FORM.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(moment: datetime) -> str:
    """Write a moment in whole seconds."""
    # Not strftime, whose year has fewer than four digits before the year 1000.
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
