"""Pictures of volumes, WAL and checkpoints."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.panel import WINDOW, Panel, Query, Row, chosen
from deploy.generate.monitoring.promql import of_instance
from deploy.generate.monitoring.series import instance

_POD: Final = "{{pod}}"


def _of(name: str) -> str:
    return chosen(instance(name))


_AVAILABLE: Final = _of("keddah_instance_volume_available_bytes")
_SIZE: Final = _of("keddah_instance_volume_bytes")

STORAGE: Final = Row(
    "Volumes and WAL",
    (
        Panel(
            "Volume in use",
            (Query(f"1 - {of_instance(_AVAILABLE)} / {of_instance(_SIZE)}", _POD),),
            "percentunit",
        ),
        Panel(
            "Until the volume is full",
            (
                Query(
                    f"{of_instance(_AVAILABLE)}"
                    f" / {of_instance(f'clamp_min(-deriv({_AVAILABLE}[6h]), 1)')} < {366 * 86400}"
                    f" or {of_instance(_AVAILABLE)} * 0 + {366 * 86400}",
                    _POD,
                ),
            ),
            "s",
            "At the pace of the last six hours; a year is the most that is shown.",
        ),
        Panel(
            "Size of databases",
            (
                Query(
                    f"max by (namespace, database, datname) ({_of('pg_database_size_bytes')})",
                    "{{database}} {{datname}}",
                ),
            ),
            "bytes",
        ),
        Panel("WAL on the volume", (Query(of_instance(_of("pg_wal_size_bytes")), _POD),), "bytes"),
        Panel(
            "WAL written",
            (Query(of_instance(f"rate({_of('pg_wal_position_bytes')}[{WINDOW}])"), _POD),),
            "Bps",
        ),
        Panel(
            "WAL that waits to be archived",
            (Query(of_instance(_of("pg_wal_archive_waiting")), _POD),),
            about="Files of a primary.",
        ),
        Panel(
            "Checkpoints",
            tuple(
                Query(f"sum(rate({_of(f'pg_stat_checkpointer_num_{what}_total')}[{WINDOW}]))", what)
                for what in ("timed", "requested")
            ),
            "ops",
            "Many that are requested: max_wal_size is too small for what is written.",
        ),
        Panel(
            "Age of the oldest transaction that is not frozen",
            (
                Query(
                    f"max by (namespace, database)"
                    f" ({_of('pg_database_wraparound_age_datfrozenxid_seconds')})",
                    "{{namespace}}/{{database}}",
                ),
            ),
            about="At two billion PostgreSQL refuses writes; autovacuum begins at 200 million.",
        ),
        Panel(
            "Certificate is good for",
            (
                Query(
                    f"{of_instance(_of('keddah_instance_certificate_expiry_timestamp_seconds'), 'min')}"
                    " - time()",
                    _POD,
                ),
            ),
            "s",
        ),
    ),
)
