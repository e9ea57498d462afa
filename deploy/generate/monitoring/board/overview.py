"""The first row: how many databases and instances there are, and how they are."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.panel import Panel, Query, Row, chosen
from deploy.generate.monitoring.promql import of_database, of_instance
from deploy.generate.monitoring.series import instance, keddah

_INSTANCES: Final = chosen(keddah("keddah_database_instances"))
_READY: Final = chosen(keddah("keddah_database_condition"), condition="Ready")
_READY_INSTANCES: Final = chosen(keddah("keddah_database_ready_instances"))
_REPLICA: Final = chosen(instance("pg_replication_is_replica"))
_STALLED: Final = chosen(keddah("keddah_database_condition"), condition="Stalled")
_VERSION: Final = chosen(instance("pg_static"))

OVERVIEW: Final = Row(
    "Overview",
    (
        Panel("Databases", (Query(f"count({of_database(_INSTANCES)})"),), number=True, width=4),
        Panel(
            "Not ready",
            (Query(f"sum(1 - {of_database(_READY)})"),),
            about="Databases whose condition Ready is False.",
            number=True,
            width=4,
        ),
        Panel(
            "Wait for a person",
            (Query(f"sum({of_database(_STALLED)})"),),
            about="Databases whose condition Stalled is True.",
            number=True,
            width=4,
        ),
        Panel(
            "Instances that serve",
            (
                Query(f"sum({of_database(_READY_INSTANCES)})", "serve"),
                Query(f"sum({of_database(_INSTANCES)})", "exist"),
            ),
            number=True,
            width=4,
        ),
        Panel(
            "Primaries",
            (Query(f"count({of_instance(_REPLICA)} == 0)"),),
            about="As many as databases.",
            number=True,
            width=4,
        ),
        Panel(
            "Versions",
            (Query(f"count by (short_version) ({_VERSION})", "{{short_version}}"),),
            number=True,
            width=4,
        ),
        Panel(
            "Role",
            (Query(f"1 - {of_instance(_REPLICA)}", "{{pod}}"),),
            about="1 is the primary: a failover is where one falls and another rises.",
            width=12,
        ),
        Panel(
            "Since the server was started",
            (
                Query(
                    f"time() - {of_instance(chosen(instance('pg_postmaster_start_time_seconds')))}", "{{pod}}"
                ),
            ),
            "s",
            width=12,
        ),
    ),
)
