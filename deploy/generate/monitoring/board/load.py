"""Pictures of what applications do to the servers."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.panel import WINDOW, Panel, Query, Row, chosen
from deploy.generate.monitoring.promql import of_instance
from deploy.generate.monitoring.series import instance

_POD: Final = "{{pod}}"


def _of(name: str) -> str:
    return chosen(instance(name))


def _per_second(name: str) -> str:
    return of_instance(f"rate({_of(name)}[{WINDOW}])", "sum")


_LIMIT: Final = " - ".join(
    of_instance(_of(f"pg_settings_{name}"))
    for name in ("max_connections", "superuser_reserved_connections", "reserved_connections")
)
_HIT: Final = _per_second("pg_stat_database_blks_hit")
_READ: Final = _per_second("pg_stat_database_blks_read")

LOAD: Final = Row(
    "Load",
    (
        Panel(
            "Transactions",
            (
                Query(_per_second("pg_stat_database_xact_commit"), f"{_POD} committed"),
                Query(_per_second("pg_stat_database_xact_rollback"), f"{_POD} rolled back"),
            ),
            "ops",
        ),
        Panel(
            "Sessions by state",
            (Query(f"sum by (state) ({_of('pg_stat_activity_count')})", "{{state}}"),),
            about="Many that are `idle in transaction` hold locks, and keep vacuum from its work.",
        ),
        Panel(
            "Connections in use",
            (Query(f"{of_instance(_of('pg_stat_activity_connections'))} / ({_LIMIT})", _POD),),
            "percentunit",
            "Of what max_connections leaves to users.",
        ),
        Panel(
            "Longest transaction",
            (Query(of_instance(_of("pg_stat_activity_max_tx_duration")), _POD),),
            "s",
        ),
        Panel(
            "Waiting for locks",
            (Query(of_instance(_of("pg_stat_activity_blocked")), _POD),),
            about="Sessions that another one holds up.",
        ),
        Panel(
            "Pages found in PostgreSQL's cache",
            (Query(f"{_HIT} / ({_HIT} + {_READ})", _POD),),
            "percentunit",
            "Below nine of ten for long, and slow: more memory may help.",
        ),
        Panel(
            "Rows changed",
            tuple(
                Query(f"sum(rate({_of(f'pg_stat_database_tup_{what}')}[{WINDOW}]))", what)
                for what in ("inserted", "updated", "deleted")
            ),
            "ops",
        ),
        Panel(
            "Temporary files",
            (Query(_per_second("pg_stat_database_temp_bytes"), _POD),),
            "Bps",
            "Sorts and joins that do not fit into work_mem.",
        ),
        Panel(
            "Deadlocks",
            (Query(_per_second("pg_stat_database_deadlocks"), _POD),),
            "ops",
        ),
        Panel(
            "Statements that take most of the time",
            (
                Query(
                    "topk(10, sum by (namespace, database, datname, queryid)"
                    f" (rate({_of('pg_stat_statements_seconds_total')}[{WINDOW}])))",
                    "{{database}} {{datname}} {{queryid}}",
                ),
            ),
            "percentunit",
            "Seconds in each second, by queryid: SELECT query FROM pg_stat_statements WHERE queryid = …",
            width=24,
        ),
    ),
)
