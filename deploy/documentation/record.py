"""Records for the pictures of the documentation.

`kubectl pgdb status NAME -o json | python -m deploy.documentation.record status "where it runs"`;
`python -m deploy.documentation.record board "where it runs" --prometheus URL --namespace N --database NAME`
asks a Prometheus that scrapes keddah for what the board shows of one database.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

from deploy.documentation.recorded import BOARD, FOLDER, STATUS
from deploy.generate.monitoring.board import ROWS
from deploy.generate.monitoring.panel import WINDOW, Query

_MOMENTS: Final = 90
_DIGITS: Final = 4
_LABEL: Final = re.compile(r"\{\{(\w+)\}\}")
Ask = Callable[[str, Mapping[str, str]], list[dict[str, Any]]]
"""Asks Prometheus' API: what (`query_range`), with which parameters; returns the series."""


def board(ask: Ask, origin: str, end: datetime, minutes: float, namespace: str, database: str) -> str:
    """Return what the board shows of a database during the minutes before `end`, as text to keep."""
    begin, step = end - timedelta(minutes=minutes), max(1, round(minutes * 60 / _MOMENTS))
    moments = [begin.timestamp() + step * number for number in range(_MOMENTS + 1)]
    span = {"start": str(moments[0]), "end": str(moments[-1]), "step": str(step)}

    def curves(query: Query) -> Iterable[dict[str, Any]]:
        chosen = {WINDOW: f"{max(step * 4, 60)}s", "$namespace": namespace, "$database": database}
        expression = query.expression
        for name, value in chosen.items():
            expression = expression.replace(name, value)
        for series in ask("query_range", {"query": expression, **span}):
            yield {"name": _name(query, series["metric"]), "values": _values(series["values"], moments)}

    panels = {
        f"{row.title} / {panel.title}": [curve for query in panel.queries for curve in curves(query)]
        for row in ROWS
        for panel in row.panels
    }
    return _text({"origin": origin, "begin": _moment(begin), "step_seconds": step, "panels": panels})


def status(origin: str, at: datetime, database: dict[str, Any]) -> str:
    """Return the status of a database, as `kubectl pgdb status -o json` prints it, as text to keep."""
    return _text({"origin": origin, "at": _moment(at), "database": database})


def _name(query: Query, labels: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda found: labels.get(found[1], ""), query.legend)


def _values(points: Iterable[tuple[float, str]], moments: list[float]) -> list[float | None]:
    found = {round(at): float(value) for at, value in points}
    every = (found.get(round(at)) for at in moments)
    return [_rounded(value) if value is not None and math.isfinite(value) else None for value in every]


def _rounded(value: float) -> float:
    """Return what a picture can show of a value."""
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: object) -> str:
    # A curve a line: what is recorded anew differs in what has changed.
    text = json.dumps(value, indent=1)
    return re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def _prometheus(address: str) -> Ask:
    def ask(what: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        where = f"{address.rstrip('/')}/api/v1/{what}?{urlencode(parameters)}"
        with urlopen(where, timeout=30) as answer:  # noqa: S310 - whoever calls says where
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result

    return ask


def main(arguments: list[str]) -> int:
    """Record one of both."""
    parser = argparse.ArgumentParser(prog="python -m deploy.documentation.record", description=__doc__)
    parser.add_argument("what", choices=["status", "board"])
    parser.add_argument("origin", help="where the database runs, in a few words: readers are told")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="default: %(default)s")
    parser.add_argument("--namespace", default="default", help="of the database; default: %(default)s")
    parser.add_argument("--database", default="orders", help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=60, help="how long; default: %(default)s")
    given = parser.parse_args(arguments)
    now = datetime.now(UTC)
    if given.what == "status":
        text = status(given.origin, now, json.load(sys.stdin))
        (FOLDER / STATUS).write_text(text, encoding="utf-8")
        return 0
    ask = _prometheus(given.prometheus)
    text = board(ask, given.origin, now, given.minutes, given.namespace, given.database)
    (FOLDER / BOARD).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
