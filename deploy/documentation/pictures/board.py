"""A row of the board: its panels where Grafana puts them, with what was recorded of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, timedelta
from html import escape
from typing import Final

from deploy.documentation.pictures.amounts import ceiling, written
from deploy.documentation.pictures.palette import DARK, LIGHT, both, picture
from deploy.documentation.recorded import Board, Curve
from deploy.generate.monitoring.panel import Panel, Row

_COLUMN: Final = 42
_COLUMNS: Final = 24
_HEIGHT: Final = 190
_GAP: Final = 8
_HEAD: Final = 24
_FOOT: Final = 38
_AXIS: Final = 62
_LETTER: Final = 7.3
"""The width of one, about."""
_MOST: Final = 6
"""Curves, each with a colour of its own."""
_STYLES: Final = {
    "text": both("font-size: 12px; fill: {};", LIGHT.text, DARK.text),
    ".title": ("font-weight: bold;", "font-weight: bold;"),
    ".faint": both("fill: {};", LIGHT.faint, DARK.faint),
    ".number": ("font-size: 26px;", "font-size: 26px;"),
    ".panel": both("fill: {};", LIGHT.ground, DARK.ground),
    ".panel, .grid": both("stroke: {};", LIGHT.line, DARK.line),
    ".curve": ("fill: none; stroke-width: 1.6;",) * 2,
    **{
        f".c{number}": both("stroke: {};", light, dark)
        for number, (light, dark) in enumerate(zip(LIGHT.curves, DARK.curves, strict=True))
    },
}


def row(shown: Row, recorded: Board | None) -> str:
    """Return the picture of a row; without a record its panels are empty."""
    placed = list(_placed(shown.panels))
    drawn = (_panel(panel, _curves(shown, panel, recorded), x, y, recorded) for panel, x, y in placed)
    height = max(y for *_, y in placed) + _HEIGHT + _GAP
    origin = f"recorded of {recorded.origin}" if recorded else "nothing is recorded yet"
    about = f"The row {shown.title} of the board for Grafana; {origin}."
    return picture(_COLUMNS * _COLUMN, height, shown.title, _STYLES, "\n".join(drawn), about)


def _placed(panels: Iterable[Panel]) -> Iterator[tuple[Panel, int, int]]:
    """Give each panel's place, as deploy/generate/monitoring/dashboard.py has them."""
    left = top = 0
    for panel in panels:
        if left + panel.width > _COLUMNS:
            left, top = 0, top + _HEIGHT + _GAP
        yield panel, left * _COLUMN, top
        left += panel.width


def _curves(shown: Row, panel: Panel, recorded: Board | None) -> list[Curve]:
    return recorded.panels.get(f"{shown.title} / {panel.title}", []) if recorded else []


def _panel(panel: Panel, curves: list[Curve], x: int, y: int, recorded: Board | None) -> str:
    width = panel.width * _COLUMN - _GAP
    told = [curve for curve in curves if any(value is not None for value in curve.values)]
    if not told:
        inner = _text(width / 2, _HEIGHT / 2, "no data", "faint", "middle")
    elif panel.number:
        inner = "".join(_numbers(panel, told, width))
    else:
        inner = "".join(_plot(panel, told[:_MOST], width, recorded))
    frame = f'<rect class="panel" width="{width}" height="{_HEIGHT}" rx="3"/>'
    title = _text(_GAP, 17, _cut(panel.title, width - _GAP), "title")
    return f'<g transform="translate({x},{y})">{frame}{title}{inner}</g>'


def _numbers(panel: Panel, curves: Sequence[Curve], width: float) -> Iterator[str]:
    """Give the newest value of each series, one below the other."""
    step = (_HEIGHT - _HEAD) / len(curves)
    for number, curve in enumerate(curves):
        value = next(value for value in reversed(curve.values) if value is not None)
        middle = _HEAD + step * (number + 0.5)
        yield _text(width / 2, middle + 4, written(value, panel.unit), "number", "middle")
        if curve.name:
            yield _text(width / 2, middle + 22, _cut(curve.name, width - 2 * _GAP), "faint", "middle")


def _plot(panel: Panel, curves: Sequence[Curve], width: float, recorded: Board | None) -> Iterator[str]:
    """Give the axes, the curves, and which is which."""
    most = ceiling(max(value for curve in curves for value in curve.values if value is not None), panel.unit)
    left, right, top, bottom = _AXIS, width - _GAP, _HEAD + 6, _HEIGHT - _FOOT
    for share in (0.0, 0.5, 1.0):
        at = bottom - share * (bottom - top)
        yield f'<line class="grid" x1="{left}" x2="{right:g}" y1="{at:g}" y2="{at:g}"/>'
        yield _text(left - 6, at + 4, written(share * most, panel.unit), "faint", "end")
    yield from _moments(recorded, left, right, bottom + 15)
    for number, curve in enumerate(curves):
        count = max(1, len(curve.values) - 1)
        points = (
            None
            if value is None
            else (left + (right - left) * place / count, bottom - max(0.0, value) / most * (bottom - top))
            for place, value in enumerate(curve.values)
        )
        yield f'<path class="curve c{number}" d="{_path(points)}"/>'
    yield from _legend(curves, left, width)


def _moments(recorded: Board | None, left: float, right: float, y: float) -> Iterator[str]:
    if recorded is None:
        return
    count = max(len(curve.values) for curves in recorded.panels.values() for curve in curves) - 1
    whole = timedelta(seconds=recorded.step_seconds * count)
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        at = (recorded.begin + whole * share).astimezone(UTC)
        yield _text(left + (right - left) * share, y, f"{at:%H:%M}", "faint", anchor)


def _path(points: Iterable[tuple[float, float] | None]) -> str:
    """Return the path through points, with a gap where there is none."""
    words, draws = [], False
    for point in points:
        if point is not None:
            words.append(f"{'L' if draws else 'M'}{point[0]:.1f} {point[1]:.1f}")
        draws = point is not None
    return "".join(words)


def _legend(curves: Sequence[Curve], left: float, width: float) -> Iterator[str]:
    x, y = left, _HEIGHT - 8
    for number, curve in enumerate(curves):
        room = width - _GAP - x - 16
        name = _cut(curve.name, room)
        if not name:
            return
        yield f'<line class="curve c{number}" x1="{x:g}" x2="{x + 12:g}" y1="{y - 4}" y2="{y - 4}"/>'
        yield _text(x + 16, y, name)
        x += 16 + len(name) * _LETTER + 12


def _cut(words: str, room: float) -> str:
    most = int(room / _LETTER)
    return words if len(words) <= most else f"{words[: most - 1]}…" if most > 1 else ""


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
