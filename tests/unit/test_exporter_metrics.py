"""The table of metrics: names that Prometheus takes, and bounded numbers of series."""

from __future__ import annotations

import re

from controller.desired.exporter.metrics import METRICS, QUERIES

_NAME = re.compile(r"(pg|keddah|process)_[a-z0-9_]+")


def test_a_name_is_there_once_and_says_whose_it_is() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    assert [name for name in names if not _NAME.fullmatch(name)] == []


def test_each_metric_says_what_it_means_and_where_it_comes_from() -> None:
    assert [metric.name for metric in METRICS if not metric.help.endswith(".") or not metric.source] == []


def test_whatever_users_can_have_any_number_of_is_limited() -> None:
    free = [query.source for query in QUERIES if query.labels and "LIMIT" not in query.sql]
    assert free == ["version()"]
