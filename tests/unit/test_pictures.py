"""Pictures of the documentation show what was recorded, and load nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from deploy.documentation import record, recorded
from deploy.documentation.board import pictures
from deploy.documentation.pages import picture_files
from deploy.documentation.pictures import board, screens
from deploy.documentation.pictures.amounts import ceiling, written
from deploy.documentation.recorded import Board, Curve, Status
from deploy.generate.monitoring.board import ROWS
from deploy.generate.monitoring.panel import Panel, Query, Row, Unit
from kubectl_pgdb.screens.status import status
from kubectl_pgdb.session import plain
from tests.pgdb import STATES, printed
from tests.recorded import Recorded

BEGIN = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
ROW = Row(
    "Load",
    (
        Panel("Sessions", (Query("pg_stat_activity_count", "{{state}}"),), width=12),
        Panel("Databases", (Query("count(pg_up)"),), number=True, width=12),
        Panel("Deadlocks", (Query("pg_up"),), "ops", width=24),
    ),
)
NAMESPACE = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ET.Element:
    """Read a picture of our own."""
    return ET.fromstring(picture)  # noqa: S314


def words(picture: str) -> list[str]:
    """Give the texts of a picture, in their order."""
    return [each.text or "" for each in parsed(picture).iter(f"{NAMESPACE}text")]


def test_what_is_committed_can_be_drawn_and_says_where_it_is_from() -> None:
    for name, text in picture_files().items():
        described = parsed(text).find(f"{NAMESPACE}desc")
        assert described is not None
        assert described.text, name
        assert "://" not in text.replace('xmlns="http://www.w3.org/2000/svg"', ""), name
        assert "prefers-color-scheme: dark" in text
    assert len(pictures()) == len(ROWS)


@pytest.mark.parametrize("state", STATES)
def test_the_status_that_was_recorded_is_drawn_as_the_plugin_prints_it(state: str) -> None:
    made, at = Recorded(state).database, Recorded(state).at
    text = record.status("a test", at, json.loads(json.dumps(made, default=plain)))
    read = msgspec.json.decode(text, type=Status)
    assert read == Status("a test", at, made)
    shown = "".join(words(screens.status(read))).replace("\N{NO-BREAK SPACE}", "")
    told = printed(status(made, at))
    assert "".join(shown.split()) == "".join(f"$kubectlpgdbstatusorders{told}".split())


def test_a_board_is_recorded_at_equal_moments_with_the_names_of_its_curves() -> None:
    asked: list[Mapping[str, str]] = []

    def ask(what: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        assert what == "query_range"
        asked.append(parameters)
        begin, step = float(parameters["start"]), float(parameters["step"])
        points = [[begin, "0.123456"], [begin + step, "NaN"], [begin + 3 * step, "2"]]
        return [{"metric": {"pod": "orders-0", "state": "idle"}, "values": points}]

    text = record.board(ask, "a test", BEGIN + timedelta(hours=1), 60, "shop", "orders")
    found = msgspec.json.decode(text, type=Board)
    assert (found.origin, found.begin) == ("a test", BEGIN)
    assert set(found.panels) == {f"{row.title} / {panel.title}" for row in ROWS for panel in row.panels}
    (sessions,) = found.panels["Load / Sessions by state"]
    assert sessions.name == "idle"
    assert sessions.values[:4] == [0.1235, None, None, 2]
    assert len({len(curve.values) for curves in found.panels.values() for curve in curves}) == 1
    assert not [each for each in asked if "$" in each["query"]]


def test_a_panel_has_its_curves_with_gaps_a_number_its_last_value_and_nothing_is_told() -> None:
    panels = {
        "Load / Sessions": [Curve("idle", [0, 5, None, 10]), Curve("active", [1, 1, 1, 1])],
        "Load / Databases": [Curve("", [None, 3, 4, None])],
    }
    drawn = board.row(ROW, Board("a test", BEGIN, 600, panels))
    assert words(drawn) == [
        *("Sessions", "0", "5", "10", "02:00", "02:15", "02:30", "idle", "active"),
        *("Databases", "4", "Deadlocks", "no data"),
    ]
    curves = [each.get("d", "") for each in parsed(drawn).iter(f"{NAMESPACE}path")]
    assert [(each.count("M"), each.count("L")) for each in curves] == [(2, 1), (1, 3)]


def test_before_anything_is_recorded_a_row_has_its_panels() -> None:
    assert words(board.row(ROW, None)) == [
        *("Sessions", "no data", "Databases", "no data", "Deadlocks", "no data"),
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "short", "0"),
        (1234, "short", "1.23 K"),
        (0.034, "percentunit", "3.4 %"),
        (0.012, "s", "12 ms"),
        (0, "s", "0 s"),
        (7200, "s", "2 h"),
        (3 * 2**20, "Bps", "3 MiB/s"),
        (2.5, "ops", "2.5/s"),
    ],
)
def test_values_are_written_in_their_units(value: float, unit: Unit, text: str) -> None:
    assert written(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "most"),
    [
        *((0, "short", 1), (1, "short", 1), (3, "short", 5), (70, "short", 100), (0.6, "percentunit", 1)),
        *((5 * 3600, "s", 5 * 3600), (1100 * 1024, "bytes", 2 * 2**20), (0.0011, "s", 0.002)),
    ],
)
def test_axes_end_at_round_numbers(value: float, unit: Unit, most: float) -> None:
    assert ceiling(value, unit) == pytest.approx(most)


def test_what_is_recorded_can_be_read() -> None:
    assert recorded.status().database.instances
    found = recorded.board()
    known = {f"{row.title} / {panel.title}" for row in ROWS for panel in row.panels}
    assert found is None or set(found.panels) == known
