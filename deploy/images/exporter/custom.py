"""Queries of users: as postgres_exporter's queries.yaml, so that those that there are can be used.

    queue:
      query: SELECT state, count(*) AS jobs FROM public.jobs GROUP BY state
      metrics:
        - state: {usage: LABEL}
        - jobs: {usage: GAUGE, description: Jobs in the queue.}

`cache_seconds`, `primary` (or `master`): true, and `database` are known besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.desired.exporter.metric import Metric
from controller.desired.exporter.metrics import METRICS

from .page import Page, number
from .wire import Row

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,199}")
_OWN: Final = frozenset(metric.name for metric in METRICS)
_KINDS: Final = {"GAUGE": "gauge", "COUNTER": "counter"}
_MOST_BYTES: Final = 256 << 10
_MOST_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Custom:
    """One query of a user's."""

    name: str
    """`CONFIGMAP/KEY: NAME`."""
    sql: str
    labels: tuple[str, ...]
    values: Mapping[str, Metric]
    """The metrics by column."""
    database: str = ""
    """"" for the application's."""
    primary: bool = False
    every: float = 0

    def page(self, columns: tuple[str, ...], rows: list[Row]) -> Page:
        """Make samples of an answer; raises ValueError of one that is none."""
        missing = [column for column in (*self.labels, *self.values) if column not in columns]
        if missing:
            raise ValueError(f"returns no column {', '.join(missing)}")
        if len(rows) > _MOST_ROWS:
            raise ValueError(f"returns {len(rows)} rows; {_MOST_ROWS} at most are told")
        page = Page()
        for row in rows:
            found = dict(zip(columns, row, strict=True))
            labels = tuple(found[label] or "" for label in self.labels)
            for column, metric in self.values.items():
                page.add(metric, number(found[column]), labels)
        return page


def read(place: Path, name: str) -> tuple[list[Custom], dict[str, str]]:
    """Return the queries of one file, and what is wrong with others, by their names."""
    try:
        with (place / name).open(encoding="utf-8") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return [], {name: "there is no such ConfigMap, or it has no such key"}
    except (OSError, ValueError):
        return [], {name: "cannot be read"}
    if len(text) > _MOST_BYTES:
        return [], {name: f"has more than {_MOST_BYTES >> 10} KiB"}
    return _parsed(name, text)


def _parsed(name: str, text: str) -> tuple[list[Custom], dict[str, str]]:
    import yaml  # noqa: PLC0415 - who has no queries saves the memory

    try:
        document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        return [], {name: f"is not YAML{f' (line {mark.line + 1})' if mark else ''}"}
    if not isinstance(document, dict):
        return [], {name: "must be a mapping of names to queries"}
    found, problems = [], {}
    for key, given in document.items():
        try:
            found.append(_query(f"{name}: {key}", str(key), given))
        except ValueError as error:
            problems[f"{name}: {key}"] = str(error)
    return found, problems


def _query(name: str, prefix: str, given: Any) -> Custom:  # noqa: ANN401 - what is in a file
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise ValueError("must have a `query`")  # noqa: TRY004 - of a file, all is one kind
    columns = dict(_columns(given.get("metrics")))
    labels = tuple(column for column, usage in columns.items() if usage.get("usage") == "LABEL")
    values = {
        column: _metric(f"{prefix}_{column}", usage, labels)
        for column, usage in columns.items()
        if usage.get("usage") in _KINDS
    }
    if not values:
        raise ValueError("has no metric whose usage is GAUGE or COUNTER")
    every = given.get("cache_seconds", 0)
    return Custom(
        name,
        given["query"].strip().rstrip(";"),
        labels,
        values,
        database=str(given.get("database", "")),
        primary=given.get("primary", given.get("master")) is True,
        every=float(every) if isinstance(every, int | float) else 0,
    )


def _columns(given: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:  # noqa: ANN401 - what is in a file
    for entry in given if isinstance(given, list) else ():
        for column, usage in entry.items() if isinstance(entry, dict) else ():
            if not _NAME.fullmatch(str(column)) or str(column).startswith("__"):
                raise ValueError(f"column {column}: use letters, digits and _")
            if not isinstance(usage, dict) or usage.get("usage") not in {"LABEL", "DISCARD", *_KINDS}:
                raise ValueError(f"column {column}: its usage must be LABEL, GAUGE, COUNTER or DISCARD")
            yield str(column), usage


def _metric(name: str, usage: Mapping[str, Any], labels: tuple[str, ...]) -> Metric:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name} is no name of a metric: use letters, digits and _")
    if name in _OWN or name.startswith(("keddah_", "process_")):
        raise ValueError(f"{name} is a metric of keddah's own; choose another name")
    kind: Any = _KINDS[usage["usage"]]
    return Metric(name, kind, str(usage.get("description") or name), labels=labels)
