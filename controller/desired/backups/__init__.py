"""What should exist for backups to be made and verified: CronJobs, and Jobs that run at once.

They use the image of the instances. `repository` has where the backups go.
"""

from __future__ import annotations

from controller.desired.backups.cronjobs import backup_cronjob, verify_cronjob
from controller.desired.backups.jobs import (
    asked_backup,
    asked_verification,
    backup_of_restored,
    first_backup,
    last_backup,
    scratch_size,
)

__all__ = [
    "asked_backup",
    "asked_verification",
    "backup_cronjob",
    "backup_of_restored",
    "first_backup",
    "last_backup",
    "scratch_size",
    "verify_cronjob",
]
