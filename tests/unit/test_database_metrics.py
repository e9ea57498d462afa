"""The metrics page has what the statuses have, for as long as they have it."""

from __future__ import annotations

from typing import Any

from controller.database_metrics import DatabaseMetrics
from controller.kube.kinds import DATABASE
from controller.metrics import Metrics
from controller.watches.cache import Cache
from tests.factory import database

STATUS: dict[str, Any] = {
    "replicas": 3,
    "readyReplicas": 2,
    "lastBackupTime": "2026-07-01T02:00:05Z",
    "backups": {
        "count": 3,
        "sizeBytes": 1 << 20,
        "oldestRestorableTime": "1970-01-01T00:00:09Z",
        "lastVerifiedTime": "1970-01-01T00:00:07+00:00",
        "lastError": {"time": "1970-01-01T00:00:08Z", "reason": "RepositoryFull", "message": ""},
    },
    "conditions": [{"type": "BackedUp", "status": "True"}, {"type": "ArchivingWAL", "status": "False"}],
}


def page(*manifests: dict[str, Any]) -> dict[str, float]:
    cache, metrics = Cache(), Metrics()
    for version, manifest in enumerate(manifests, 1):
        manifest["metadata"]["resourceVersion"] = str(version)
        cache.put(DATABASE, manifest)
    metrics.registry.register(DatabaseMetrics(cache.statuses))
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("keddah_database_")]
    return {line.partition(" ")[0]: float(line.partition(" ")[2]) for line in lines}


def of(name: str, metric: str) -> str:
    return f'keddah_database_{metric}{{database="{name}",namespace="shop"}}'


def condition(kind: str) -> str:
    return f'keddah_database_condition{{condition="{kind}",database="orders",namespace="shop"}}'


def test_each_database_has_its_own_values() -> None:
    found = page({**database("orders"), "status": STATUS}, {**database("users"), "status": {}})
    assert found == {
        condition("BackedUp"): 1,
        condition("ArchivingWAL"): 0,
        of("orders", "instances"): 3,
        of("orders", "ready_instances"): 2,
        of("orders", "last_backup_timestamp_seconds"): 1782871205,
        of("orders", "backups"): 3,
        of("orders", "backup_bytes"): 1 << 20,
        of("orders", "oldest_restorable_timestamp_seconds"): 9,
        of("orders", "last_verified_timestamp_seconds"): 7,
        of("orders", "last_backup_error_timestamp_seconds"): 8,
    }


def test_what_is_unknown_or_unreadable_has_no_value() -> None:
    unknown = {"conditions": [{"type": "BackedUp", "status": "Unknown"}], "lastBackupTime": "yesterday"}
    assert page({**database("orders"), "status": unknown}, database("users")) == {}
