"""Alerts about backups, WAL and their proof."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.promql import DATABASE, SHOW, age, of_database
from deploy.generate.monitoring.series import keddah

_DAY: Final = 86400
_LATE_SECONDS: Final = 1800
_UNPROVEN_DAYS: Final = 15
"""Two periods of the default schedule, and a day."""

_ARCHIVING: Final = keddah("keddah_database_condition")(condition="ArchivingWAL")
_BACKED_UP: Final = keddah("keddah_database_condition")(condition="BackedUp")
_LAG: Final = keddah("keddah_database_archive_lag_seconds")
_OLDEST: Final = keddah("keddah_database_oldest_restorable_timestamp_seconds")
_VERIFIED: Final = keddah("keddah_database_last_verified_timestamp_seconds")

BACKUPS: Final = Group(
    "keddah-backups",
    (
        Alert(
            "KeddahArchivingFailing",
            f"{of_database(_ARCHIVING)} == 0",
            timedelta(minutes=10),
            Severity.CRITICAL,
            f"{DATABASE} archives no WAL",
            "What is written now could not be restored if the volumes were lost, and WAL fills the primary's"
            f" volume. The condition ArchivingWAL has the reason: {SHOW}",
        ),
        Alert(
            "KeddahArchivingLate",
            f"{of_database(_LAG)} > {_LATE_SECONDS}",
            timedelta(minutes=15),
            Severity.WARNING,
            f"{DATABASE} archives WAL {{{{ $value | humanizeDuration }}}} late",
            "WAL is written faster than the repository takes it, or it stands still. If the lag grows on the"
            f" board, look at the repository, else at what writes so much. {SHOW}",
        ),
        Alert(
            "KeddahNotBackedUp",
            f"{of_database(_BACKED_UP)} == 0",
            timedelta(hours=1),
            Severity.WARNING,
            f"{DATABASE} has no backup that is recent and good",
            "Two periods of backupSchedule passed without a backup, the first one has not ended, or the"
            f" newest does not restore. The condition BackedUp says which, and why: {SHOW}",
        ),
        Alert(
            "KeddahBackupUnproven",
            f"{age(_VERIFIED)} > {_UNPROVEN_DAYS * _DAY}"
            f" or ({age(_OLDEST)} > {_UNPROVEN_DAYS * _DAY} unless {of_database(_VERIFIED)})",
            timedelta(hours=1),
            Severity.WARNING,
            f"No backup of {DATABASE} was proven for {{{{ $value | humanizeDuration }}}}",
            "What was never restored may not be a backup. status.backups.lastError and the event"
            f" VerificationSkipped say what keeps the verification from running: {SHOW}",
        ),
    ),
)
