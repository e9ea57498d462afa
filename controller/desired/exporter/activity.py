"""What is asked of the databases in the server, the sessions and their statements."""

from __future__ import annotations

from typing import Final

from controller.desired.exporter.metric import Query, counter, gauge

_TOLD: Final = """(
            SELECT oid, datname, datfrozenxid, datminmxid, datconnlimit FROM pg_database
            WHERE NOT datistemplate AND datconnlimit <> -2 ORDER BY oid LIMIT 50
        ) told"""
"""The databases that are told of: the oldest so many."""


def _of_databases(sql: str) -> str:
    return sql.replace("TOLD", _TOLD)


SESSIONS: Final = (
    Query(
        "pg_stat_activity",
        """
        SELECT coalesce(datname, ''), coalesce(state, 'unknown'), count(*),
            coalesce(max(extract(epoch FROM now() - xact_start)), 0)
        FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 100
        """,
        (
            gauge("pg_stat_activity_count", "Sessions of clients."),
            gauge("pg_stat_activity_max_tx_duration", "Age of their longest open transaction.", "seconds"),
        ),
        ("datname", "state"),
    ),
    Query(
        "pg_stat_activity",
        """
        SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock'),
            coalesce(max(extract(epoch FROM now() - query_start)) FILTER (WHERE wait_event_type = 'Lock'), 0),
            coalesce(max(greatest(age(backend_xmin), age(backend_xid))), 0)
        FROM pg_stat_activity WHERE backend_type = 'client backend'
        """,
        (
            gauge("pg_stat_activity_connections", "Sessions of clients, all that count against the limit."),
            gauge("pg_stat_activity_blocked", "Those among them that wait for a lock."),
            gauge(
                "pg_stat_activity_max_blocked_seconds",
                "How long the longest of them takes so far.",
                "seconds",
            ),
            gauge(
                "pg_stat_activity_max_xmin_age",
                "Transactions since the oldest snapshot: no vacuum goes past it.",
            ),
        ),
    ),
    Query(
        "pg_locks",
        _of_databases("""
        SELECT datname, mode, count(*) FROM pg_locks JOIN TOLD
            ON told.oid = pg_locks.database
        WHERE pid <> pg_backend_pid() GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 200
        """),
        (gauge("pg_locks_count", "Locks that are held or waited for."),),
        ("datname", "mode"),
    ),
    Query(
        "pg_prepared_xacts",
        "SELECT count(*), coalesce(max(extract(epoch FROM now() - prepared)), 0) FROM pg_prepared_xacts",
        (
            gauge("pg_prepared_xacts_count", "Transactions that are prepared and not committed."),
            gauge("pg_prepared_xacts_max_age_seconds", "How long the first of them has waited.", "seconds"),
        ),
    ),
)

DATABASES: Final = (
    Query(
        "pg_stat_database",
        _of_databases("""
        SELECT told.datname, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned,
            tup_fetched, tup_inserted, tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks,
            sessions_fatal
        FROM pg_stat_database JOIN TOLD ON told.oid = datid
        """),
        (
            gauge("pg_stat_database_numbackends", "Sessions in the database."),
            counter("pg_stat_database_xact_commit", "Transactions that were committed."),
            counter("pg_stat_database_xact_rollback", "Transactions that were rolled back."),
            counter("pg_stat_database_blks_read", "Pages that were not in PostgreSQL's cache."),
            counter("pg_stat_database_blks_hit", "Pages that were."),
            counter("pg_stat_database_tup_returned", "Rows that scans went over."),
            counter("pg_stat_database_tup_fetched", "Rows that indexes led to."),
            counter("pg_stat_database_tup_inserted", "Rows that were inserted."),
            counter("pg_stat_database_tup_updated", "Rows that were updated."),
            counter("pg_stat_database_tup_deleted", "Rows that were deleted."),
            counter("pg_stat_database_conflicts", "Queries that a standby ended to go on with the replay."),
            counter("pg_stat_database_temp_files", "Temporary files that queries made."),
            counter("pg_stat_database_temp_bytes", "What went into them.", "bytes"),
            counter("pg_stat_database_deadlocks", "Deadlocks."),
            counter("pg_stat_database_sessions_fatal", "Sessions that ended by an error of their own."),
        ),
        ("datname",),
    ),
    Query(
        "pg_database",
        _of_databases("SELECT datname, age(datfrozenxid), mxid_age(datminmxid), datconnlimit FROM TOLD"),
        (
            gauge(
                "pg_database_wraparound_age_datfrozenxid_seconds",
                "Transactions since the oldest that is not frozen; writes end at two billion.",
            ),
            gauge("pg_database_wraparound_age_datminmxid_seconds", "The same of multixacts."),
            gauge(
                "pg_database_connection_limit",
                "Sessions that the database takes at most, -1 without a limit.",
            ),
        ),
        ("datname",),
    ),
    Query(
        "pg_database_size()",
        _of_databases("SELECT datname, pg_database_size(oid) FROM TOLD"),
        (gauge("pg_database_size_bytes", "What the database takes of the volume.", "bytes"),),
        ("datname",),
        every=60,
    ),
)

STATEMENTS: Final = (
    Query(
        "pg_stat_statements",
        """
        SELECT queryid, rolname, datname, calls, seconds, rows, read, written, wal FROM (
            SELECT queryid, userid, dbid, sum(calls) AS calls, sum(total_exec_time) / 1000 AS seconds,
                sum(rows) AS rows, sum(shared_blks_read) AS read, sum(temp_blks_written) AS written,
                sum(wal_bytes) AS wal
            FROM {schema}.pg_stat_statements(false) WHERE queryid IS NOT NULL
            GROUP BY 1, 2, 3 ORDER BY seconds DESC LIMIT 50
        ) most JOIN pg_roles ON pg_roles.oid = userid JOIN pg_database ON pg_database.oid = dbid
        """,
        (
            counter("pg_stat_statements_calls_total", "How often it was executed."),
            counter("pg_stat_statements_seconds_total", "Time that it took in all.", "seconds"),
            counter("pg_stat_statements_rows_total", "Rows that it returned or changed."),
            counter(
                "pg_stat_statements_shared_blks_read_total", "Pages it needed that were not in the cache."
            ),
            counter("pg_stat_statements_temp_blks_written_total", "Pages of temporary files that it wrote."),
            counter("pg_stat_statements_wal_bytes_total", "WAL that it made.", "bytes"),
        ),
        ("queryid", "user", "datname"),
        every=60,
        extension="pg_stat_statements",
    ),
)
"""The statements that took most of the time. Their text is not told: it may have anything in it."""
