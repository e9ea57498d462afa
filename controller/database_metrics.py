"""Metrics of each database, as its status has it: nothing is remembered between two readings of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Statuses: TypeAlias = Callable[[], Iterable[tuple[tuple[str, str], Mapping[str, Any]]]]
"""Gives namespace and name of each database, and its status."""

_LABELS: Final = ("namespace", "database")


_TRUTHS: Final = {"True": 1.0, "False": 0.0}
_AT_REST: Final = frozenset({"Hibernated", "Hibernating", "Paused"})
"""Reasons of conditions of a database that somebody wants to stay as it is."""


class _Gauge(NamedTuple):
    name: str
    meaning: str
    value: Callable[[Mapping[str, Any]], float | None]


def _backups(field: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda status: _number((status.get("backups") or {}).get(field))


def _next_rotation(status: Mapping[str, Any]) -> float | None:
    """Return when the next password is due; None while nobody is meant to be given one."""
    conditions, roles = (status.get(field) or [] for field in ("conditions", "roles"))
    if any(each["reason"] in _AT_REST for each in conditions):
        return None
    due = (_number(role.get("nextRotationTime")) for role in roles)
    return min((moment for moment in due if moment is not None), default=None)


def _number(value: object) -> float | None:
    """Return a count, or a moment (RFC 3339) as Unix time."""
    if isinstance(value, int):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        return None


_GAUGES: Final = (
    _Gauge(
        "keddah_database_instances",
        "Instances that exist.",
        lambda status: _number(status.get("replicas")),
    ),
    _Gauge(
        "keddah_database_ready_instances",
        "Instances that answer queries.",
        lambda status: _number(status.get("readyReplicas")),
    ),
    _Gauge(
        "keddah_database_last_backup_timestamp_seconds",
        "When the newest good backup ended.",
        lambda status: _number(status.get("lastBackupTime")),
    ),
    _Gauge("keddah_database_backups", "Good backups in the repository.", _backups("count")),
    _Gauge("keddah_database_backup_bytes", "Bytes that all backups take.", _backups("sizeBytes")),
    _Gauge(
        "keddah_database_oldest_restorable_timestamp_seconds",
        "Earliest moment that can be restored.",
        _backups("oldestRestorableTime"),
    ),
    _Gauge(
        "keddah_database_newest_restorable_timestamp_seconds",
        "Latest moment that can be restored.",
        _backups("newestRestorableTime"),
    ),
    _Gauge(
        "keddah_database_archive_lag_seconds",
        "Age of the oldest WAL that is not archived.",
        _backups("archiveLagSeconds"),
    ),
    _Gauge(
        "keddah_database_last_verified_timestamp_seconds",
        "When a backup was last restored and found good.",
        _backups("lastVerifiedTime"),
    ),
    _Gauge(
        "keddah_database_last_backup_error_timestamp_seconds",
        "When the newest run failed, or could not remove old backups; absent when it succeeded.",
        lambda status: _number(((status.get("backups") or {}).get("lastError") or {}).get("time")),
    ),
    _Gauge(
        "keddah_database_next_password_rotation_timestamp_seconds",
        "When the next password is to be rotated; absent when none is, or while hibernated or paused.",
        _next_rotation,
    ),
)


class DatabaseMetrics(Collector):
    """Reads the statuses whenever Prometheus asks."""

    def __init__(self, statuses: Statuses) -> None:
        self._statuses = statuses

    def describe(self) -> list[GaugeMetricFamily]:
        """Name the metrics without reading anything."""
        gauges = [GaugeMetricFamily(gauge.name, gauge.meaning, labels=_LABELS) for gauge in _GAUGES]
        return [*gauges, _conditions()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read every status once."""
        found = list(self._statuses())
        for gauge in _GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=_LABELS)
            for labels, status in found:
                value = gauge.value(status)
                if value is not None:
                    family.add_metric(labels, value)
            yield family
        conditions = _conditions()
        for labels, status in found:
            for each in status.get("conditions") or []:
                holds = _TRUTHS.get(each["status"])
                if holds is not None:
                    conditions.add_metric((*labels, each["type"]), holds)
        yield conditions


def _conditions() -> GaugeMetricFamily:
    words = "1 while a condition is True, 0 while it is False; absent while it is Unknown, or there is none."
    return GaugeMetricFamily("keddah_database_condition", words, labels=(*_LABELS, "condition"))
