"""Of backups: the condition BackedUp, and the events of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons.reason import Reason, normal, quiet, warning

_NOW: Final = "Mend what the message names, then try now: `kubectl pgdb backup NAME`."
_JOBS: Final = "See what the Jobs wait for: `kubectl get cronjobs,jobs,pods -l keddah.dev/database=NAME`."

REASONS: Final[Mapping[str, Reason]] = {
    "BackupFailed": warning("A backup failed; the message says why.", _NOW),
    "BackupMade": normal("A backup was made.", "Nothing."),
    "BackupOverdue": warning("No backup was made within two periods of the schedule.", _JOBS),
    "BackupRecent": quiet("The newest backup is no older than two periods of the schedule.", "Nothing."),
    "BackupVerified": normal("The newest backup was restored and looked at, and is good.", "Nothing."),
    "BackupsSuspended": normal(
        "No backups are made, as declared.", "Set `spec.backup.suspended: false` to have them again."
    ),
    "FirstBackup": quiet("There is no backup yet.", "Wait; if it lasts, " + _JOBS[0].lower() + _JOBS[1:]),
    "JobEnded": warning(
        "A Job that somebody made from a CronJob was ended, because no instance runs.",
        "Once the database runs again: `kubectl pgdb backup NAME`.",
    ),
    "NoSchedule": quiet(
        "No backups are declared, so WAL is not archived either.",
        "Set `spec.backupSchedule`, unless the data can be lost.",
    ),
    "OldBackupsKept": warning(
        "A backup was made, and those that are too old could not be removed.",
        "Mend what the message names, or the repository grows; the next backup tries again.",
    ),
    "RepositoryReplaced": warning(
        "The repository's volume is another one, on which there is no backup.",
        "Wait for the first backup; bring the old volume back if its backups are needed.",
    ),
    "VerificationFailed": warning(
        "The newest backup does not restore, or what was restored is damaged.",
        "Make another (`kubectl pgdb backup NAME`) and verify it (`kubectl pgdb verify-backup NAME`).",
    ),
    "VerificationSkipped": warning(
        "A verification did not come to look at the backup.",
        "Mend what the message names; then `kubectl pgdb verify-backup NAME`.",
    ),
}
