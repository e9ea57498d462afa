"""The alerts as Prometheus' file of rules, which is also the spec of a PrometheusRule."""

from __future__ import annotations

from datetime import timedelta

from controller.kube.objects import Manifest
from deploy.generate.monitoring.alert import Alert
from deploy.generate.monitoring.alerts import GROUPS
from deploy.generate.objects import manifest

NAME = "keddah"
API = "monitoring.coreos.com/v1"


def rules(pace: float = 1, docs: str = "") -> Manifest:
    """Return the file of rules, which lead to runbooks of the site at `docs`, or in the repository.

    With another `pace` alerts wait so many times as long, as tests want it.
    """
    return {
        "groups": [
            {"name": group.name, "rules": [_rule(alert, pace, docs) for alert in group.alerts]}
            for group in GROUPS
        ]
    }


def prometheus_rule(docs: str = "") -> Manifest:
    """Return the same for the Prometheus operator."""
    return manifest(API, "PrometheusRule", NAME, {"spec": rules(docs=docs)})


def _rule(alert: Alert, pace: float, docs: str) -> Manifest:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        **({"for": duration(alert.lasts * pace)} if alert.lasts else {}),
        "labels": {"severity": str(alert.severity)},
        "annotations": {
            "summary": alert.summary,
            "description": alert.next,
            "runbook_url": alert.runbook(docs),
        },
    }


def duration(time: timedelta) -> str:
    """Write a time as Prometheus does, in whole seconds at the least: `90s`, `5m`, `2h`."""
    seconds = max(1, round(time.total_seconds()))
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
