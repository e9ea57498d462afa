"""The page of documentation that lists every metric, of the instances and of keddah's own processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from controller.desired.exporter.metrics import METRICS
from deploy.generate.monitoring.series import of_keddah

_HEAD: Final = """\
# Metrics

<!-- Generated from controller/desired/exporter and what the processes export by `make manifests`. -->

## Of each instance

On the port `metrics` (8187) of its pod, at `/metrics`. Names are those of postgres_exporter where it has one.
Of what users can have any number of (databases, statements, slots), at most 50 are told.
[How an instance's metrics are made](../explanation/metrics.md).

| metric | type | labels | unit | meaning | from |
|---|---|---|---|---|---|
"""
_KEDDAH: Final = """

## Of the controller and the admission server

On the port `health` (8080) of their pods, at `/metrics`. Those of databases have `namespace` and `database`.

| metric | labels | meaning |
|---|---|---|
"""
_OF_SCRAPING: Final = frozenset({"job", "namespace", "pod", "component"})


def page() -> str:
    """Return the page."""
    return "\n".join((_HEAD + "\n".join(_instances()) + _KEDDAH + "\n".join(_keddah()), ""))


def _instances() -> Iterator[str]:
    for each in sorted(METRICS, key=lambda metric: metric.name):
        source = f"`{each.source}`" if "_" in each.source or "(" in each.source else each.source
        cells = (f"`{each.name}`", each.kind, _words(each.labels), each.unit, each.help, source)
        yield f"| {' | '.join(cells)} |"


def _keddah() -> Iterator[str]:
    for name, series in sorted(of_keddah().items()):
        if name.startswith(("keddah_", "process_")) and not name.endswith(("_bucket", "_sum")):
            yield f"| `{name}` | {_words(sorted(series.labels - _OF_SCRAPING))} | {series.meaning} |"


def _words(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)
