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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("100y", 'unit "y" is not known; use ns, us, ms, s, m, h or d'),
        ("30", 'a unit is missing behind "30"; use ns, us, ms, s, m, h or d'),
        ("1h1d", "days come first, as a whole number up to 99999, such as 1d12h"),
        ("1.5d", "days come first, as a whole number up to 99999, such as 1d12h"),
        ("2w", 'unit "w" is not known; write 336h'),
    ],
)
def test_days_are_named_where_they_are_known(text: str, words: str) -> None:
    with pytest.raises(duration.DurationError, match=f"^{words}$"):
        duration.seconds(text)


def test_days_are_not_named_where_only_gos_units_are_known() -> None:
    with pytest.raises(duration.DurationError, match=r'^unit "y" is not known; use ns, us, ms, s, m or h$'):
        duration.parse("100y")
