"""Pages of metrics, as Prometheus reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.databases import Database

Labels = tuple[tuple[str, str], ...]
Samples = dict[str, dict[Labels, float]]
"""Values by the sample's name, and by its labels."""


_SAMPLE = re.compile(r"([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text: str) -> Samples:
    """Read a page, with names as they are: the client library's parser puts `_total` behind counters'."""
    found: Samples = {}
    for line in text.splitlines():
        if sample := _SAMPLE.fullmatch(line):
            labels = tuple(sorted((name, value) for name, value in _LABEL.findall(sample[2] or "")))
            found.setdefault(sample[1], {})[labels] = float(sample[3])
    return found


def of_instance(database: Database, pod: str) -> Samples:
    """Read the page of an instance, by way of the API server; nothing where it does not answer."""
    where = f"/api/v1/namespaces/{database.namespace}/pods/{pod}:8187/proxy/metrics"
    answer = database.cluster.rest.send("GET", where, accept="*/*")
    return samples(answer.expect()["message"]) if answer.accepted else {}
