from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kubernetes.cron import schedule as cron
from tests.strategies import expressions

CASES = Path(__file__).parent / "data" / "cron_cases.tsv"
"""Expressions with the verdict of Kubernetes' own parser, and what showed it."""


def cases() -> list[tuple[str, bool, str]]:
    rows = (line.split("\t") for line in CASES.read_text(encoding="utf-8").split("\n") if line)
    return [
        (
            text.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\0", "\\"),
            verdict == "valid",
            source,
        )
        for text, verdict, source in rows
    ]


def error(text: str) -> str:
    with pytest.raises(cron.CronError) as caught:
        cron.parse(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "valid", "source"), cases())
def test_it_accepts_what_kubernetes_accepts(text: str, valid: bool, source: str) -> None:  # noqa: FBT001
    if not valid:
        assert error(text)
        return
    assert cron.parse(text).never_fires == ("never fires" in source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("61 * * * *", 'minute field "61": 61 is above 59'),
        ("0 0 0 * *", 'day of month field "0": 0 is below 1'),
        ("0 0 * * 7", 'day of week field "7": 7 is above 6; Sunday is 0'),
        (
            "0 0 * * FRI-MON",
            'day of week field "FRI-MON": range 5-1 runs backwards; write 5-6,0-1',
        ),
        ("0 0 * * SAT-SUN", 'day of week field "SAT-SUN": range 6-0 runs backwards; write 6,0'),
        ("*/0 * * * *", 'minute field "*/0": step 0 is below 1'),
        ("*/x * * * *", 'minute field "*/x": step "x" is not a whole number'),
        ("1-2-3 * * * *", 'minute field "1-2-3": "1-2-3" contains more than one hyphen'),
        ("*//2 * * * *", 'minute field "*//2": "*//2" contains more than one slash'),
        ("5- * * * *", 'minute field "5-": a number is missing after the hyphen of "5-"'),
        (
            "0 0 1 JANUARY *",
            'month field "JANUARY": "JANUARY" is not known; names have three letters: JAN',
        ),
        (
            "0 0 L * *",
            (
                'day of month field "L": "L" is not known; CronJob has no L, W, H, R, # or ~; '
                "write a number from 1 to 31"
            ),
        ),
        (
            "0 0 * * 1;2",
            (
                'day of week field "1;2": "1;2" is not known; '
                "write a number from 0 to 6 or a name from SUN to SAT"
            ),
        ),
        ("61 24 * * *", 'minute field "61": 61 is above 59; hour field "24": 24 is above 23'),
        ("", "is empty; write five fields: minute, hour, day of month, month, day of week"),
        (
            "0 0 0 * * *",
            (
                "has 6 fields; write five: minute, hour, day of month, month, day of week; "
                "there is none for seconds or years"
            ),
        ),
        ("*/5", "has 1 field; write five: minute, hour, day of month, month, day of week"),
        (
            "TZ=UTC 0 * * * *",
            "TZ= and CRON_TZ= are not allowed here; the time zone has a field of its own",
        ),
        (
            "@reboot",
            (
                "is not known; write five fields, @yearly, @monthly, @weekly, @daily, @hourly, "
                "or @every with a duration such as @every 6h30m"
            ),
        ),
        ("@DAILY", "is not known; write @daily, in small letters and without white space around it"),
        ("@every", "is not known; write @every, one space and a duration, such as @every 6h30m"),
        ("@every 1d", '@every: unit "d" is not known; write 24h'),
        ("@every 2w", '@every: unit "w" is not known; write 336h'),
        ("@every 5", '@every: a unit is missing behind "5"; use ns, us, ms, s, m or h'),
        ("@every 1h ", "@every: white space is not allowed in a duration"),
        ("@every 9999999h", "@every: is longer than 292 years, the most that Go counts to"),
    ],
)
def test_an_error_says_what_would_be_right(text: str, message: str) -> None:
    assert error(text) == message


@pytest.mark.parametrize(
    ("text", "oddity"),
    [
        ("1,,3 * * * *", 'minute field "1,,3": an empty list item is ignored'),
        ("*-5 * * * *", 'minute field "*-5": "-5" behind the "*" is ignored'),
        ("? * * * *", 'minute field "?": "?" means "*"'),
        (
            "*/100 * * * *",
            'minute field "*/100": step 100 is wider than its range, only the first value counts',
        ),
        (
            "0 0 13 * FRI",
            "fires when the day of month or the day of week matches, not only when both do",
        ),
        ("@every 500ms", "@every with less than a second means one second"),
    ],
)
def test_what_is_legal_and_hardly_meant_is_told(text: str, oddity: str) -> None:
    assert cron.parse(text).oddities() == (oddity,)


@pytest.mark.parametrize("text", ["0 3 * * *", "*/15 9-17 * * MON-FRI", "0 0 ? * ?", "@daily", "@every 6h"])
def test_the_usual_has_no_oddities(text: str) -> None:
    assert cron.parse(text).oddities() == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 0 30 2 *", "never fires: none of its months has such a day"),
        ("0 0 31 4,6,9,11 *", "never fires: none of its months has such a day"),
        (", * * * *", "never fires: the minute field holds no value"),
    ],
)
def test_what_never_fires_says_why(text: str, why: str) -> None:
    schedule = cron.parse(text)
    assert schedule.never_fires
    assert schedule.why_never() == why
    assert schedule.next(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 2 0", "0 0 31 * *"])
def test_what_fires_seldom_fires(text: str) -> None:
    assert not cron.parse(text).never_fires


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("*/15 * * * *", timedelta(minutes=15)),
        ("0,59 * * * *", timedelta(minutes=1)),
        ("0 3 * * *", timedelta(days=1)),
        ("0 0,23 * * *", timedelta(hours=1)),
        ("0 3 * * MON", timedelta(days=7)),
        ("30 1 * * MON,WED", timedelta(days=2)),
        ("0 0 1 * *", timedelta(days=28)),
        ("0 0 31 * *", timedelta(days=31)),
        ("0 0 29 2 *", timedelta(days=1461)),
        ("0 0 13 * FRI", timedelta(days=1)),
        ("0 0 1 1 *", timedelta(days=365)),
        ("@every 90s", timedelta(seconds=90)),
        ("@every -1h", timedelta(seconds=1)),
        ("0 0 30 2 *", timedelta.max),
    ],
)
def test_the_densest_interval_is_exact(text: str, interval: timedelta) -> None:
    assert cron.parse(text).densest_interval == interval


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 2 * * *", "2026-11-23T02:30:00", "2026-11-24T02:30:00"),
        ("30 2 * * *", "2026-11-23T02:29:59", "2026-11-23T02:30:00"),
        ("0 0 13 * FRI", "2026-11-23T00:00:00", "2026-11-27T00:00:00"),  # or: the Friday
        ("0 0 */1 * FRI", "2026-11-23T00:00:00", "2026-11-27T00:00:00"),  # and: a star is no restriction
        ("0 0 */2 * FRI", "2026-11-23T00:00:00", "2026-11-25T00:00:00"),  # or: */2 restricts
        ("0 0 29 2 *", "2026-11-23T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 29 2 *", "2097-01-01T00:00:00", "2104-02-29T00:00:00"),  # 2100 is no leap year
        ("@every 90m", "2026-11-23T00:00:00", "2026-11-23T01:30:00"),
    ],
)
def test_the_next_moment_is_the_first_behind(text: str, after: str, expected: str) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert cron.parse(text).next(start) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_time_that_daylight_saving_skips_is_skipped() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    following = cron.parse("30 2 * * *").next(datetime(2026, 3, 28, 12, tzinfo=berlin))
    assert following == datetime(2026, 3, 30, 2, 30, tzinfo=berlin)


def test_a_time_that_daylight_saving_repeats_fires_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    schedule = cron.parse("30 2 * * *")
    first = schedule.next(datetime(2026, 10, 25, 0, tzinfo=berlin))
    assert first is not None
    second = schedule.next(first)
    assert second is not None
    assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)


def test_the_next_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        cron.parse("@daily").next(datetime(2026, 1, 1))  # noqa: DTZ001


def test_nothing_is_behind_the_last_year() -> None:
    assert cron.parse("0 0 1 1 *").next(datetime(9999, 12, 31, tzinfo=UTC)) is None
    assert cron.parse("@every 48h").next(datetime(9999, 12, 31, tzinfo=UTC)) is None


@settings(max_examples=60)
@given(text=expressions(), after=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_moments_rise_and_are_never_denser_than_told(text: str, after: datetime) -> None:
    try:
        schedule = cron.parse(text)
    except cron.CronError as refused:
        assert str(refused)  # noqa: PT017  most generated expressions are right, the others say why
        return
    start = after.replace(tzinfo=UTC)
    first = schedule.next(start)
    assert (first is None) == schedule.never_fires
    if first is None:
        return
    assert first > start
    second = schedule.next(first)
    assert second is None or second - first >= schedule.densest_interval


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_no_text_is_a_crash(text: str) -> None:
    try:
        cron.parse(text).next(datetime(2026, 1, 1, tzinfo=UTC))
    except cron.CronError as refused:
        assert "\n" not in str(refused) or "\n" in text  # noqa: PT017


def test_a_very_long_expression_is_refused_at_once() -> None:
    assert len(error("9" * 10000 + " * * * *")) < 300
    assert len(error("@every " + "9" * 10000 + "h")) < 300
