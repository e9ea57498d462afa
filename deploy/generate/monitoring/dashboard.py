"""The board in Grafana's words (its JSON model), and as the ConfigMap that its sidecar looks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from controller.kube.objects import Manifest
from deploy.generate.monitoring.board import ROWS
from deploy.generate.monitoring.panel import Panel
from deploy.generate.monitoring.series import keddah
from deploy.generate.objects import manifest

NAME: Final = "keddah-dashboard"
KEY: Final = "keddah.json"
LABELS: Final = {"grafana_dashboard": "1"}
"""By which the sidecar of Grafana's chart finds boards."""
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_HEIGHT: Final = 7
_WIDTH: Final = 24
CHOICES: Final = keddah("keddah_database_instances")
"""What the choices at the top of the board are read from."""


def dashboard() -> Manifest:
    """Return the board."""
    return {
        "uid": "keddah",
        "title": "keddah: PostgreSQL",
        "tags": ["keddah", "postgresql"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_sources(), *_choices()]},
        "panels": list(_panels()),
    }


def text() -> str:
    """Return the board as a file to import."""
    return json.dumps(dashboard(), indent=1) + "\n"


def config_map() -> Manifest:
    """Return the ConfigMap with that file."""
    made = manifest("v1", "ConfigMap", NAME, {"data": {KEY: text()}})
    made["metadata"]["labels"] |= LABELS
    return made


def _sources() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _choices() -> Iterator[dict[str, Any]]:
    within = {"namespace": "", "database": '{namespace=~"$namespace"}'}
    for label, chosen in within.items():
        query = f"label_values({CHOICES}{chosen}, {label})"
        yield {
            "name": label,
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": query, "refId": label},
            "definition": query,
            "refresh": 2,
            "includeAll": True,
            "allValue": ".*",
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
        }


def _panels() -> Iterator[Manifest]:
    """Give the rows one below the other, and their panels from left to right."""
    number, top = 0, 0
    for row in ROWS:
        number += 1
        place = {"h": 1, "w": _WIDTH, "x": 0, "y": top}
        yield {"id": number, "type": "row", "title": row.title, "gridPos": place, "collapsed": False}
        top, left = top + 1, 0
        for panel in row.panels:
            if left + panel.width > _WIDTH:
                top, left = top + _HEIGHT, 0
            number += 1
            place = {"h": _HEIGHT, "w": panel.width, "x": left, "y": top}
            yield {"id": number, **_panel(panel), "gridPos": place}
            left += panel.width
        top += _HEIGHT


def _panel(panel: Panel) -> Manifest:
    targets = [
        {
            "refId": chr(ord("A") + position),
            "datasource": _SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            **({"instant": True} if panel.number else {}),
        }
        for position, query in enumerate(panel.queries)
    ]
    return {
        "type": "stat" if panel.number else "timeseries",
        "title": panel.title,
        **({"description": panel.about} if panel.about else {}),
        "datasource": _SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": _stat() if panel.number else _curves(),
    }


def _stat() -> Manifest:
    return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}


def _curves() -> Manifest:
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
