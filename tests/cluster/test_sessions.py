"""What users configure for sessions reaches neither Patroni's sessions nor those of keddah."""

from __future__ import annotations

from tests.databases import Database

HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "transaction_timeout": "10s",
    "idle_session_timeout": "10s",
    "idle_in_transaction_session_timeout": "1",
    "search_path": "nowhere",
    "exit_on_error": "on",
    "row_security": "off",
    "client_encoding": "LATIN1",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "postgres_verbose",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "session_preload_libraries": "nowhere",
    "geqo_threshold": "2",
    "geqo_generations": "2147483647",
    "jit_provider": "plpgsql",
    "jit_above_cost": "0",
    "debug_parallel_query": "on",
    "default_tablespace": "nowhere",
    "temp_file_limit": "0",
}
"""Values that admission takes, and with which a tool or a standby would not get through a single query."""


def test_a_database_survives_every_setting_of_a_session(database: Database) -> None:
    early = {
        name: HOSTILE[name] for name in ("default_transaction_read_only", "search_path", "exit_on_error")
    }
    database.apply(replicas=2, parameters=early).expect()
    ready(database)
    first = database.primary()
    for statement in (
        "ALTER ROLE postgres SET statement_timeout = 1",
        "ALTER DATABASE postgres SET search_path = nowhere",
        "ALTER ROLE postgres SET role = 'app'",
    ):
        admin(database, first, statement)
    database.change(parameters=HOSTILE)
    database.cluster.good(
        "--namespace", database.namespace, "exec", first, "--", "pkill", "-9", "-f", "keddah_patroni"
    )
    ready(database)
    database.cluster.good("--namespace", database.namespace, "delete", "pod", database.primary(), seconds=90)
    ready(database)
    database.change(parameters=None)
    database.settled()
    assert database.sql("SHOW default_transaction_isolation") == "read committed"


def ready(database: Database) -> None:
    """Wait for what does not need an application's session."""
    database.until_condition("Ready", "Ready", 120)
    database.until_condition("Replicated", "Streaming", 60)


def admin(database: Database, pod: str, statement: str) -> None:
    """Run a statement as an administrator who knows what is configured."""
    options = "PGOPTIONS=-c default_transaction_read_only=off"
    done = database.execute(pod, "env", options, "psql", "-Xc", statement)
    assert done.code == 0, done.err
