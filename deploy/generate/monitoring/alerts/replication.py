"""Alerts about standbys, and what a commit waits for."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.promql import (
    DATABASE,
    LOGS,
    POD,
    SHOW,
    of_database,
    of_instance,
    of_slot,
    on_primary,
)
from deploy.generate.monitoring.series import instance, keddah

_LAG_SECONDS: Final = 300
_HELD: Final = 0.1

_ACTIVE: Final = instance("pg_replication_slot_slot_is_active")
_HOLDS: Final = instance("pg_replication_slots_pg_wal_lsn_diff")
_LAG: Final = instance("pg_replication_lag_seconds")
_LOST: Final = instance("pg_replication_slot_lost")
_REPLICATED: Final = keddah("keddah_database_condition")(condition="Replicated")
_INSTANCES: Final = keddah("keddah_database_instances")
_SYNCHRONOUS: Final = instance("pg_replication_synchronous")
_SYNCHRONOUS_STANDBYS: Final = instance("pg_replication_synchronous_standbys")
_VOLUME: Final = instance("keddah_instance_volume_bytes")

_SLOT: Final = "The slot {{ $labels.slot_name }} of {{ $labels.namespace }}/{{ $labels.database }}"
_DROP: Final = (
    "If its consumer will not come back: kubectl --namespace {{ $labels.namespace }} exec {{ $labels.pod }}"
    " -c postgres -- psql -c \"SELECT pg_drop_replication_slot('{{ $labels.slot_name }}')\""
)

REPLICATION: Final = Group(
    "keddah-replication",
    (
        Alert(
            "KeddahCommitsWait",
            # Only a primary tells of the latter.
            f"{of_instance(_SYNCHRONOUS)} == 1 and {of_instance(_SYNCHRONOUS_STANDBYS)} == 0",
            timedelta(minutes=2),
            Severity.CRITICAL,
            f"Commits of {DATABASE} wait for a standby that is not there",
            "Applications hang in COMMIT. With synchronous: Strict that is what was asked for; otherwise"
            f" Patroni should have stopped waiting. Get a standby to stream: {SHOW}",
        ),
        Alert(
            "KeddahNotReplicated",
            f"{of_database(_REPLICATED)} == 0 and {of_database(_INSTANCES)} > 1",
            timedelta(minutes=15),
            Severity.WARNING,
            f"{DATABASE} is not replicated as declared",
            "A standby is missing or far behind, or none acknowledges commits: the loss of one more instance"
            f" may end the service, or lose commits. The condition Replicated says which: {SHOW}",
        ),
        Alert(
            "KeddahStandbyBehind",
            f"{of_instance(_LAG)} > {_LAG_SECONDS}",
            timedelta(minutes=10),
            Severity.WARNING,
            f"The standby {POD} is {{{{ $value | humanizeDuration }}}} behind",
            "Its answers are that old. It does not receive WAL, or replays it too slowly: a query that holds"
            f" the replay up, a slow disk, the network. {SHOW}; {LOGS}",
        ),
        Alert(
            "KeddahSlotHoldsWAL",
            on_primary(
                f"{of_slot(_HOLDS)} / on (namespace, database, pod) group_left () {of_instance(_VOLUME)}"
                f" > {_HELD} and {of_slot(_ACTIVE)} == 0"
            ),
            timedelta(minutes=30),
            Severity.WARNING,
            f"{_SLOT} holds WAL of {{{{ $value | humanizePercentage }}}} of the volume for nobody",
            f"Nobody reads from it, and the volume fills until the slot loses what it holds. {_DROP}",
        ),
        Alert(
            "KeddahSlotLost",
            on_primary(f"{of_slot(_LOST)} == 1"),
            timedelta(hours=1),
            Severity.WARNING,
            f"{_SLOT} has lost WAL that its consumer needs",
            "A standby is cloned again by itself; any other consumer (logical replication, a backup tool) has"
            f" to be set up anew, with another slot. {_DROP}",
        ),
    ),
)
