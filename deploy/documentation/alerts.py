"""The page that lists every alert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deploy.documentation.tables import code, table
from deploy.generate.monitoring.alert import Alert, Group
from deploy.generate.monitoring.alerts import GROUPS
from deploy.generate.monitoring.rules import duration

_HEAD: Final = """\
# Alerts

<!-- Generated from deploy/generate/monitoring/alerts by `make manifests`. -->

`critical` is for whoever is on call, `warning` for whoever comes next to work. Each leads to its section of
the [runbooks](../runbooks.md). How they are installed is
[in How to](../how-to/monitoring.md#watch-keddah-and-its-databases-with-prometheus).

"""
_LABEL: Final = "{{ $labels."


def page() -> str:
    """Return the page."""
    return _HEAD + "\n".join(part for group in GROUPS for part in _group(group))


def _group(group: Group) -> Iterator[str]:
    yield f"## {group.name}\n"
    yield table("alert", "severity", "fires after", "says", rows=map(_row, group.alerts))
    yield from (f"{code(each.name)}:\n```\n{each.expression}\n```\n" for each in group.alerts)


def _row(alert: Alert) -> tuple[str, ...]:
    lasts = duration(alert.lasts) if alert.lasts else "at once"
    link = f"[{code(alert.name)}](../runbooks.md#{alert.name.lower()})"
    return link, str(alert.severity), lasts, code(_plain(alert.summary))


def _plain(text: str) -> str:
    """Return a text with the names of labels in place of what Prometheus puts there."""
    words = text.replace("}}", ")").replace(_LABEL, "(").replace("{{ $value", "(value")
    return words.replace(" )", ")").replace(" | ", ", ")
