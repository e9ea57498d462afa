"""The CronJobs: when backups are made and verified."""

from __future__ import annotations

from typing import Final

from controller.desired import names
from controller.desired.backups.jobs import backup_spec, template, verify_spec
from controller.desired.child import child
from controller.desired.labels import BACKUP
from controller.kube.objects import Manifest
from schemas.api.types import PostgreSQLDatabase

_LATEST_SECONDS: Final = 12 * 3600
"""How late a run may start: while Kubernetes' controller was away, or the one before took so long."""


def backup_cronjob(db: PostgreSQLDatabase, image: str, archive: str) -> Manifest:
    """Return the CronJob that makes backups."""
    schedule = str(db.spec.backup_schedule)
    spec = template(db, "backup", archive, backup_spec(db, image))
    return _cronjob(db, names.backup_cronjob(db.metadata.name), schedule, spec)


def verify_cronjob(db: PostgreSQLDatabase, image: str, archive: str, database_bytes: int) -> Manifest:
    """Return the CronJob that verifies them; its schedule is declared."""
    schedule = str(db.spec.backup.verify.schedule)
    spec = template(db, "verify", archive, verify_spec(db, image, database_bytes))
    return _cronjob(db, names.verify_cronjob(db.metadata.name), schedule, spec)


def _cronjob(db: PostgreSQLDatabase, name: str, schedule: str, job: Manifest) -> Manifest:
    """Return a CronJob of which at most one Job runs, and one of each end is kept: results are remembered."""
    spec: Manifest = {
        "schedule": schedule,
        "timeZone": db.spec.backup.time_zone,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": _LATEST_SECONDS,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "suspend": db.spec.backup.suspended or db.spec.hibernated,
        "jobTemplate": job,
    }
    return child(db, "batch/v1", "CronJob", name, body={"spec": spec}, component=BACKUP)
