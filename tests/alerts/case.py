"""What a test of an alert is, and its form for `promtool test rules`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

from deploy.generate.monitoring.alert import Alert
from deploy.generate.monitoring.rules import duration
from deploy.generate.monitoring.series import Series

Samples: TypeAlias = tuple[tuple[float | None, int], ...]
"""A story: each value, and for how many steps it stays; None is none any more, as when a scrape failed."""
_TEMPLATE: Final = re.compile(r"\{\{ \$(labels\.(\w+)|value[^}]*) \}\}")


@dataclass(frozen=True, slots=True)
class Case:
    """One alert, and the story in which it fires."""

    alert: str
    story: Mapping[str, Samples]
    """By selector of a series."""
    fires: int
    """The step at which it fires."""
    quiet: tuple[int, ...]
    """Steps at which it does not: before the fault, within its time, and after the end of the fault."""
    labels: Mapping[str, str]
    """Of the alert that fires."""
    value: str = ""
    """What stands in its texts in place of the value."""
    step: timedelta = timedelta(minutes=1)


def written(series: Series, **labels: str) -> str:
    """Return one series of that name, as it is scraped. Raises UnknownSeriesError for labels it has not."""
    series.check(labels)
    pairs = ", ".join(f'{label}="{value}"' for label, value in {"job": series.job, **labels}.items())
    return f"{series.name}{{{pairs}}}"


def form(case: Case, alert: Alert) -> dict[str, Any]:
    """Return a test as promtool reads it."""
    told = {
        "exp_labels": {**case.labels, "severity": str(alert.severity)},
        "exp_annotations": {
            "summary": _rendered(alert.summary, case),
            "description": _rendered(alert.next, case),
            "runbook_url": alert.runbook(),
        },
    }
    looks = {**{at: list[Any]() for at in case.quiet}, case.fires: [told]}
    return {
        "name": case.alert,
        "interval": duration(case.step),
        "input_series": [
            {"series": selector, "values": _values(samples)} for selector, samples in case.story.items()
        ],
        "alert_rule_test": [
            {"eval_time": duration(case.step * at), "alertname": alert.name, "exp_alerts": expected}
            for at, expected in sorted(looks.items())
        ],
    }


def _values(samples: Samples) -> str:
    words = (["stale" if value is None else f"{value:g}"] * steps for value, steps in samples)
    return " ".join(word for each in words for word in each)


def _rendered(text: str, case: Case) -> str:
    return _TEMPLATE.sub(lambda found: case.labels[found[2]] if found[2] else case.value, text)
