"""Alerts about what applications do to the servers."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.promql import DATABASE, POD, of_database, of_instance
from deploy.generate.monitoring.series import instance

_FULL: Final = 0.85
_IDLE_SECONDS: Final = 1800
_LONG_SECONDS: Final = 6 * 3600
_PREPARED_SECONDS: Final = 3600
_OLD: Final = 1_000_000_000
"""Half of what PostgreSQL goes to, and five times what autovacuum lets it come to by default."""

_CONNECTIONS: Final = instance("pg_stat_activity_connections")
_LIMIT: Final = " - ".join(
    str(instance(f"pg_settings_{name}"))
    for name in ("max_connections", "superuser_reserved_connections", "reserved_connections")
)
_MULTIXACTS: Final = instance("pg_database_wraparound_age_datminmxid_seconds")
_PREPARED: Final = instance("pg_prepared_xacts_max_age_seconds")
_TRANSACTION: Final = instance("pg_stat_activity_max_tx_duration")
_TRANSACTIONS: Final = instance("pg_database_wraparound_age_datfrozenxid_seconds")


def _psql(statement: str, pod: str = "{{ $labels.pod }}") -> str:
    """Return the command that asks a server as its superuser."""
    where = f"kubectl --namespace {{{{ $labels.namespace }}}} exec {pod} -c postgres"
    return f'{where} -- psql -c "{statement}"'


_WHO = _psql(
    "SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3"
    " ORDER BY 4 DESC LIMIT 20"
)
_OPEN = _psql(
    "SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start IS NOT NULL"
    " ORDER BY xact_start LIMIT 5"
)
_OLDEST = _psql(
    "SELECT datname, age(datfrozenxid), mxid_age(datminmxid) FROM pg_database ORDER BY 2 DESC",
    "service/{{ $labels.database }}",
)

LOAD: Final = Group(
    "keddah-load",
    (
        Alert(
            "KeddahConnectionsNearLimit",
            f"{of_instance(_CONNECTIONS)} / {of_instance(_LIMIT)} > {_FULL}",
            timedelta(minutes=5),
            Severity.WARNING,
            f"{POD} has {{{{ $value | humanizePercentage }}}} of the connections that it takes",
            f"At all of them applications are refused. Who has them: {_WHO}; then end what is idle, pool, or"
            " raise parameters.max_connections",
        ),
        Alert(
            "KeddahLongTransaction",
            of_instance(
                f"{_TRANSACTION(state='~idle in transaction.*')} > {_IDLE_SECONDS}"
                f" or {_TRANSACTION} > {_LONG_SECONDS} or {_PREPARED} > {_PREPARED_SECONDS}"
            ),
            timedelta(minutes=5),
            Severity.WARNING,
            f"A transaction in {POD} is open for {{{{ $value | humanizeDuration }}}}",
            f"No vacuum removes what it may still see, and its locks stay. Which it is: {_OPEN}; end it with"
            " pg_terminate_backend(pid), a prepared one (pg_prepared_xacts) with ROLLBACK PREPARED",
        ),
        Alert(
            "KeddahWraparoundNear",
            f"{of_database(_TRANSACTIONS)} > {_OLD} or {of_database(_MULTIXACTS)} > {_OLD}",
            timedelta(hours=1),
            Severity.WARNING,
            f"{DATABASE} has transactions that were not frozen for {{{{ $value | humanize }}}} others",
            "At 2 G the server refuses all writes. Something keeps autovacuum from its work: an old or a"
            f" prepared transaction, a slot, locks. Which database is oldest: {_OLDEST}; end what holds it"
            " up, then VACUUM (FREEZE) its oldest tables",
        ),
    ),
)
