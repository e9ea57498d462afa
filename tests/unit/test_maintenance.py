"""The policy's window: when it is open, whatever the clocks of its time zone do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.kubernetes import timezones
from schemas.policy.maintenance import MinorUpgrades, Window, opening
from schemas.policy.policy import PolicyError, parse

WEEKEND: dict[str, Any] = {"start": "22:00", "duration": "4h", "days": ("Sat",), "time_zone": "UTC"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def within(**window: Any) -> MinorUpgrades:  # noqa: ANN401
    return MinorUpgrades(when="window", window=Window(**{**WEEKEND, **window}))


def test_immediately_is_now_whatever_the_window_says() -> None:
    now = at("2026-11-23T12:00")
    assert opening(MinorUpgrades(), now) == now
    assert opening(MinorUpgrades(window=Window(**WEEKEND)), now) == now


# 2026-11-28 is a Saturday.
@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-28T21:59:59", "2026-11-28T22:00"),
        ("2026-11-28T22:00", "2026-11-28T22:00"),
        ("2026-11-29T01:59:59", "2026-11-29T01:59:59"),
        ("2026-11-29T02:00", "2026-12-05T22:00"),
        ("2026-11-23T12:00", "2026-11-28T22:00"),
    ],
)
def test_a_window_is_open_from_its_start_until_its_end_past_midnight(now: str, opens: str) -> None:
    assert opening(within(), at(now)) == at(opens)


def test_a_window_of_a_whole_day_every_day_is_always_open() -> None:
    now = at("2026-11-23T21:59")
    assert opening(within(days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), duration="24h"), now) == now


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        # Berlin is an hour before UTC in winter, two in summer; it changed on 29 March and 25 October 2026.
        ("2026-03-20T12:00", "2026-03-21T21:00"),
        ("2026-06-01T12:00", "2026-06-06T20:00"),
    ],
)
def test_a_start_is_by_the_wall_clock_of_the_time_zone(now: str, opens: str) -> None:
    assert opening(within(time_zone="Europe/Berlin"), at(now)) == at(opens)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-28T12:00", "2026-03-29T01:30"),  # 02:30 was not shown: 03:30 by the new time
        ("2026-10-24T12:00", "2026-10-25T00:30"),  # shown twice: the first
    ],
)
def test_a_start_that_the_clocks_jump_over_or_show_twice_comes_once(now: str, opens: str) -> None:
    night = within(start="02:30", days=("Sun",), duration="1h", time_zone="Europe/Berlin")
    assert opening(night, at(now)) == at(opens)


def test_a_window_is_as_long_as_it_says_when_the_clocks_change_in_it() -> None:
    long = within(start="00:00", days=("Sun",), duration="5h", time_zone="Europe/Berlin")
    still = at("2026-10-25T02:59")  # it opened at 22:00 UTC
    assert opening(long, still) == still
    assert opening(long, at("2026-10-25T03:00")) == at("2026-10-31T23:00")


@pytest.mark.parametrize("now", ["2026-11-28T23:00", "2026-11-27T23:00"])
def test_the_far_side_of_the_date_line_has_its_own_days(now: str) -> None:
    # Saturday 12:00 on Kiritimati, 14 hours before UTC, is Friday 22:00 here.
    island = within(start="12:00", time_zone="Pacific/Kiritimati")
    expected = now if now.startswith("2026-11-27") else "2026-12-04T22:00"
    assert opening(island, at(now)) == at(expected)


def mistakes(text: str) -> list[str]:
    with pytest.raises(PolicyError) as error:
        parse(f'catalogue: [{{version: "17.6", image: postgres}}]\ndefaultVersion: "17"\n{text}')
    return [str(violation) for violation in error.value.violations]


def test_every_mistake_in_a_window_is_named() -> None:
    text = "minorUpgrades: {when: later, window: {start: 12:00, duration: 4, days: [sat], timezone: UTC}}"
    assert mistakes(text) == [
        'minorUpgrades.when: got "later"; must be immediately or window',
        'minorUpgrades.window.start: got 720; must be a time in quotes, such as "02:00"',
        "minorUpgrades.window.duration: got 4; must be a duration, such as 4h or 1h30m: put it in quotes",
        'minorUpgrades.window.days[0]: got "sat"; must be Mon, Tue, Wed, Thu, Fri, Sat or Sun',
        'minorUpgrades.window.timezone: got "UTC"; is not a known field; did you mean timeZone?',
    ]


def test_a_window_that_no_clock_can_tell_is_refused_even_while_it_is_not_used() -> None:
    text = 'minorUpgrades: {window: {start: "02:00", duration: 5m, timeZone: Mars}}'
    assert mistakes(text) == [
        f'minorUpgrades.window.timeZone: got "Mars"; {timezones.problem("Mars")}',
        'minorUpgrades.window.duration: got "5m"; must be from 15m to 24h',
    ]


@pytest.mark.parametrize("count", [0, 1001, "2"])
def test_how_many_databases_move_at_once_is_a_number_of_at_least_one(count: object) -> None:
    (mistake,) = mistakes(f"minorUpgrades: {{atOnce: {json.dumps(count)}}}")
    assert mistake.startswith(f"minorUpgrades.atOnce: got {json.dumps(count)}; ")


def test_a_window_without_its_hours_is_refused() -> None:
    missing = "minorUpgrades.window: got nothing; must have start and duration, since when is window"
    assert mistakes("minorUpgrades: {when: window}") == [missing]
