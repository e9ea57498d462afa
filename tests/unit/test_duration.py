"""Durations in days and in Go's units."""

from __future__ import annotations

import pytest

from schemas.kubernetes import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7d", 604_800),
        ("0s", 0),
        ("1d12h", 129_600),
        ("90m", 5400),
        ("0d", 0),
        ("1d0s", 86_400),
        ("+1h", 3600),
    ],
)
def test_durations_may_begin_with_days(text: str, seconds: int) -> None:
    assert duration.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "d", "1", "1d1", "1d-1h", "1d+1h", "-1d", "-1h", "1h1d", "1.5d", "100000d", "1d "]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(duration.DurationError):
        duration.seconds(text)
