"""The types of the table of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge"]
Where: TypeAlias = Literal["everywhere", "primary", "standby"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One name on the page."""

    name: str
    kind: Kind
    help: str
    unit: str = ""
    """seconds, bytes …; "" of a plain number."""
    labels: tuple[str, ...] = ()
    source: str = ""
    """Which view or function of PostgreSQL it comes from, or what else."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement, each row of which is one sample of each metric: first the labels, then the values.

    What users can have any number of (databases, slots, statements) it limits by itself.
    """

    source: str
    sql: str
    metrics: tuple[Metric, ...]
    labels: tuple[str, ...] = ()
    where: Where = "everywhere"
    every: float = 0
    """For how many seconds its answer is good, of what is expensive to find out."""
    extension: str = ""
    """The extension that it needs in the database `postgres`; its schema is put for `{schema}`."""

    @property
    def told(self) -> tuple[Metric, ...]:
        """The metrics, with the labels and the source that they have from it."""
        return tuple(
            Metric(each.name, each.kind, each.help, each.unit, self.labels, self.source)
            for each in self.metrics
        )


def gauge(name: str, meaning: str, unit: str = "") -> Metric:
    """Return what goes up and down; a query gives it labels and source."""
    return Metric(name, "gauge", meaning, unit)


def counter(name: str, meaning: str, unit: str = "") -> Metric:
    """Return what only grows."""
    return Metric(name, "counter", meaning, unit)


def described(queries: Iterable[Query]) -> Iterator[Metric]:
    """Give the metrics of queries."""
    for query in queries:
        yield from query.told
