"""What can be asked: every time series that keddah's processes and databases export, with its labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric

from controller.database_metrics import DatabaseMetrics
from controller.desired.exporter.metrics import METRICS
from controller.metrics import Metrics as ControllerMetrics
from webhooks.metrics import Metrics as WebhookMetrics

KEDDAH_JOB: Final = "keddah"
"""Of keddah's own pods; `component` is `controller` or `webhooks`."""
DATABASES_JOB: Final = "keddah-databases"
"""Of the pods of databases."""
_KEDDAH: Final = frozenset({"job", "namespace", "pod", "component"})
_DATABASES: Final = frozenset({"job", "namespace", "pod", "database"})
_OWN_NAME: Final = "keddah_"
_UP: Final = "up"
_SAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
}


class UnknownSeriesError(Exception):
    """Nothing that is scraped has such a series, or such a label of it."""


@dataclass(frozen=True, slots=True)
class Series:
    """The time series of one name. As text it is all of them; called, those with some labels."""

    name: str
    labels: frozenset[str]
    """Those of scraping, and its own."""
    job: str
    meaning: str

    def __call__(self, **labels: str) -> str:
        """Return the selector of those with these labels; a value that begins with `~` is a pattern.

        Names that others use as well, as those of postgres_exporter, are asked of keddah's jobs only: the
        Prometheus operator puts the namespace of the PodMonitor before their names.
        """
        self.check(labels)
        if not self.name.startswith(_OWN_NAME):
            labels = {"job": f"~(.+/)?{self.job}", **labels}
        matchers = (
            f'{label}=~"{value[1:]}"' if value.startswith("~") else f'{label}="{value}"'
            for label, value in labels.items()
        )
        return f"{self.name}{{{', '.join(matchers)}}}" if labels else self.name

    def __str__(self) -> str:
        return self()

    def check(self, labels: Iterable[str]) -> None:
        """Raise UnknownSeriesError for labels that the series does not have."""
        if unknown := {*labels} - self.labels:
            raise UnknownSeriesError(f"{self.name} has no label {', '.join(sorted(unknown))}")


def keddah(name: str) -> Series:
    """Look up what a process of keddah exports; raises UnknownSeriesError where none does."""
    return _found(of_keddah(), name)


def instance(name: str) -> Series:
    """Look up what each instance of a database exports; raises UnknownSeriesError."""
    return _found(of_instances(), name)


def _found(series: Mapping[str, Series], name: str) -> Series:
    try:
        return series[name]
    except KeyError:
        raise UnknownSeriesError(f"nothing exports {name}") from None


@cache
def of_keddah() -> Mapping[str, Series]:
    """Return every series of the controller and the admission server by name."""
    controller = ControllerMetrics()
    controller.watch_queue(lambda: 0, lambda: 0)
    of_status = (
        Series(family.name, _KEDDAH | {*family._labelnames}, KEDDAH_JOB, family.documentation)  # noqa: SLF001
        for family in DatabaseMetrics(lambda: ()).describe()
    )
    registries = (controller.registry, WebhookMetrics().registry)
    every = (*(each for registry in registries for each in _of_registry(registry)), *of_status)
    return {each.name: each for each in (_up(_KEDDAH, KEDDAH_JOB), *every)}


@cache
def of_instances() -> Mapping[str, Series]:
    """Return every series of a database's pods by name."""
    every = (Series(each.name, _DATABASES | {*each.labels}, DATABASES_JOB, each.help) for each in METRICS)
    return {each.name: each for each in (_up(_DATABASES, DATABASES_JOB), *every)}


def _up(labels: frozenset[str], job: str) -> Series:
    return Series(_UP, labels, job, "What Prometheus itself says of each target: 1 if it was scraped.")


def _of_registry(registry: CollectorRegistry) -> Iterator[Series]:
    # The client library tells what labels a metric has only where there are values, and not in public.
    for collector in registry._collector_to_names:  # noqa: SLF001
        own = frozenset[str](getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            yield from _named(family, _KEDDAH | own)


def _named(family: Metric, labels: frozenset[str]) -> Iterator[Series]:
    for suffix in _SAMPLES.get(family.type, ("",)):
        more: Any = {"le"} if suffix == "_bucket" else ()
        yield Series(f"{family.name}{suffix}", labels | {*more}, KEDDAH_JOB, family.documentation)
