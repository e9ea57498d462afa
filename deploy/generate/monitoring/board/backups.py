"""Pictures of backups and WAL."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.panel import Panel, Query, Row, chosen
from deploy.generate.monitoring.promql import age, of_database
from deploy.generate.monitoring.series import keddah

_LEGEND: Final = "{{namespace}}/{{database}}"


def _of(name: str) -> str:
    return chosen(keddah(name))


BACKUPS: Final = Row(
    "Backups",
    (
        Panel(
            "Since the newest backup",
            (Query(age(_of("keddah_database_last_backup_timestamp_seconds")), _LEGEND),),
            "s",
            "A saw whose teeth are as far apart as backupSchedule says.",
        ),
        Panel(
            "Since a backup was proven",
            (Query(age(_of("keddah_database_last_verified_timestamp_seconds")), _LEGEND),),
            "s",
            "When a backup was last restored and looked at.",
        ),
        Panel(
            "Newest restorable moment",
            (Query(age(_of("keddah_database_newest_restorable_timestamp_seconds")), _LEGEND),),
            "s",
            "How much would be lost if all volumes were, in seconds of writing.",
        ),
        Panel(
            "Archive lag",
            (Query(of_database(_of("keddah_database_archive_lag_seconds")), _LEGEND),),
            "s",
            "Age of the oldest WAL that is not archived yet.",
        ),
        Panel(
            "Size of all backups",
            (Query(of_database(_of("keddah_database_backup_bytes")), _LEGEND),),
            "bytes",
        ),
        Panel(
            "Recovery window",
            (Query(age(_of("keddah_database_oldest_restorable_timestamp_seconds")), _LEGEND),),
            "s",
            "How far back the database can be restored.",
        ),
    ),
)
