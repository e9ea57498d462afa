"""Moments as RFC 3339 writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.kubernetes import moments

TEN = datetime(2026, 11, 27, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (moments.EXAMPLE, TEN),
        ("2026-11-27T11:00:00+01:00", TEN),
        ("2026-11-27T10:00:00.25Z", TEN.replace(microsecond=250_000)),
        ("2026-11-27T10:00:00.123456789Z", TEN.replace(microsecond=123_456)),
    ],
)
def test_a_moment_is_read(text: str, moment: datetime) -> None:
    assert moments.parse(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-27",
        "2026-11-27T10:00:00",
        "2026-11-27 10:00:00Z",
        "2026-11-27T10:00Z",
        "2026-11-27T25:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-11-27T10:00:00+0100",
        "2026-11-27T10:00:00Z\n",
        "2026-11-27t10:00:00Z",
        "2026-11-27T10:00:00z",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-11-27T10:00:00Z",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moments.parse(text) is None


def test_a_moment_is_written_as_it_is_read() -> None:
    assert moments.written(TEN) == moments.EXAMPLE
    assert moments.parse(moments.written(TEN)) == TEN
    assert moments.written(TEN.replace(year=226)) == "0226-11-27T10:00:00Z"
