"""The metrics page has what the statuses have, for as long as they have it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.database_metrics import DatabaseMetrics
from controller.kube.kinds import DATABASE
from controller.metrics import Metrics
from controller.plan.outcome import Stalled
from controller.report.status import status
from controller.watches.cache import Cache
from tests.factory import database, typed_database
from tests.states import observed

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
    "roles": [
        {"name": "app", "nextRotationTime": "1970-01-01T00:00:12Z"},
        {"name": "analyst", "nextRotationTime": "1970-01-01T00:00:11Z"},
        {"name": "reader"},
    ],
    "conditions": [
        {"type": "BackedUp", "status": "True", "reason": "Succeeded"},
        {"type": "ArchivingWAL", "status": "False", "reason": "ArchivingFailed"},
    ],
}
ROTATION = "next_password_rotation_timestamp_seconds"


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
        of("orders", ROTATION): 11,
    }


def test_what_is_unknown_or_unreadable_has_no_value() -> None:
    backed_up = {"type": "BackedUp", "status": "Unknown", "reason": "NoPrimary"}
    unknown = {"conditions": [backed_up], "lastBackupTime": "yesterday"}
    assert page({**database("orders"), "status": unknown}, database("users")) == {}


@pytest.mark.parametrize("reason", ["Hibernating", "Hibernated", "Paused"])
def test_no_rotation_is_due_while_somebody_keeps_a_database_at_rest(reason: str) -> None:
    resting = {"type": "Reconciling", "status": "True", "reason": reason}
    found = page({**database("orders"), "status": {**STATUS, "conditions": [resting]}})
    assert of("orders", ROTATION) not in found
    assert of("orders", "instances") in found


def test_the_conditions_say_when_a_database_is_at_rest() -> None:
    asleep = typed_database(hibernated=True)
    refused = Stalled("Refused", "spec.replicas: …")
    told = status(asleep, observed(), refused, validated=True, now="2026-07-01T00:00:00Z")
    assert "Hibernated" in {each["reason"] for each in told["conditions"]}
