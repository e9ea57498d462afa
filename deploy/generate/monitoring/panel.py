"""What a panel of the board is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from deploy.generate.monitoring.series import Series

Unit: TypeAlias = Literal["short", "s", "bytes", "Bps", "ops", "percentunit", "reqps"]
"""Of Grafana's names of units."""

WINDOW: Final = "$__rate_interval"
"""What Grafana puts in place of this is a few scrapes long, and grows with what the picture shows."""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and how its lines are named, from their labels: `{{pod}}`."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    about: str = ""
    """What to look for."""
    number: bool = False
    """Whether the newest value stands there, and no curve."""
    width: int = 8
    """Of 24."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels about one subject, below a heading."""

    title: str
    panels: tuple[Panel, ...]


def chosen(series: Series, **labels: str) -> str:
    """Return the selector of what belongs to the databases that are chosen at the top of the board."""
    return series(namespace="~$namespace", database="~$database", **labels)
