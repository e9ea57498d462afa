"""Pictures of standbys and of replication slots."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.panel import Panel, Query, Row, chosen
from deploy.generate.monitoring.promql import of_instance, of_slot
from deploy.generate.monitoring.series import instance

_POD: Final = "{{pod}}"


def _of(name: str) -> str:
    return of_instance(chosen(instance(name)))


REPLICATION: Final = Row(
    "Replication",
    (
        Panel(
            "Lag of standbys",
            (Query(_of("pg_replication_lag_seconds"), _POD),),
            "s",
            "How old their answers are.",
        ),
        Panel("WAL not replayed", (Query(_of("pg_replication_lag_bytes"), _POD),), "bytes"),
        Panel(
            "Standbys of the primary",
            (
                Query(_of("pg_replication_standbys"), f"{_POD} streaming"),
                Query(_of("pg_replication_synchronous_standbys"), f"{_POD} synchronous"),
            ),
            about="Who receives its WAL, and for whom commits may wait.",
        ),
        Panel(
            "WAL that slots hold",
            (
                Query(
                    of_slot(chosen(instance("pg_replication_slots_pg_wal_lsn_diff"))), "{{pod}} {{slot_name}}"
                ),
            ),
            "bytes",
            width=12,
        ),
        Panel(
            "Timeline",
            (Query(_of("pg_timeline_id"), _POD),),
            about="Each promotion begins a new one.",
            width=12,
        ),
    ),
)
