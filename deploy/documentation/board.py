"""The page that shows the board, and says what each of its panels is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from deploy.documentation import recorded
from deploy.documentation.pictures import board
from deploy.documentation.tables import code, prose, table
from deploy.generate.monitoring.board import ROWS
from deploy.generate.monitoring.panel import Panel, Row
from deploy.generate.monitoring.series import of_instances, of_keddah

_HEAD: Final = """\
# The board

<!-- Generated from deploy/generate/monitoring/board by `make manifests`. -->

The board for Grafana (`deploy/monitoring/keddah.json`), row by row. The pictures show {origin}.
How it is installed is [in How to](../how-to/monitoring.md#watch-keddah-and-its-databases-with-prometheus);
what each metric means is in [Metrics](metrics.md).

"""
_NOTHING: Final = "its layout alone: nothing is recorded yet"
_WORD: Final = re.compile(r"[a-z_][a-z_0-9]*")


def page() -> str:
    """Return the page."""
    found = recorded.board()
    head = _HEAD.format(origin=found.origin if found else _NOTHING)
    return head + "\n".join(part for row in ROWS for part in _row(row))


def pictures() -> dict[str, str]:
    """Return the picture of each row by its file's name."""
    found = recorded.board()
    return {_file(row): board.row(row, found) for row in ROWS}


def _file(row: Row) -> str:
    return f"board-{row.title.split()[0].lower()}.svg"


def _row(row: Row) -> Iterator[str]:
    yield f"## {row.title}\n"
    yield f"![The row {row.title} of the board](../pictures/{_file(row)})\n"
    yield table("panel", "made of", "look for", rows=map(_panel, row.panels))


def _panel(panel: Panel) -> tuple[str, str, str]:
    return prose(panel.title), ", ".join(map(code, _metrics(panel))), prose(panel.about)


def _metrics(panel: Panel) -> Iterator[str]:
    """Give each metric that a panel asks for, once."""
    words = dict.fromkeys(word for query in panel.queries for word in _WORD.findall(query.expression))
    yield from (word for word in words if word in of_instances() or word in of_keddah())
