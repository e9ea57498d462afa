"""Settings of the sessions that keddah opens in a database, whatever users have configured for sessions.

A user's `default_transaction_isolation: serializable` would make every query on a standby fail, and a
`search_path` would let users run code as the superuser. Options of the startup packet win over the
configuration file, ALTER DATABASE and ALTER ROLE (PostgreSQL, libpq-connect, `options`; guc.c, GucSource).
The image ships this one module for Patroni and pgBackRest: it may use the standard library only.
"""

from __future__ import annotations

SUPERUSER = "postgres"
CONTROLLER = "keddah"
"""The role that the controller connects as."""
EXPORTER = "keddah_exporter"
"""The role of the exporter of metrics, and the user of the image that alone can log in as it."""

ANY_ROLE = {
    "search_path": "pg_catalog,pg_temp",
    "role": "none",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "exit_on_error": "off",
    "row_security": "on",
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    # A library that is no compiler, settings that a parallel worker does not take over, and two
    # billion generations of a genetic planner fail each query, or take minutes to plan it.
    "geqo": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "debug_parallel_query": "off",
    # Standbys and tools log in with a verifier that Patroni has made, each time with so many rounds.
    "scram_iterations": "4096",
    "local_preload_libraries": "",
}
"""What may be set by whoever connects; post-bootstrap.sql gives it to the replication role, for tools."""
SUPERUSERS = {"session_preload_libraries": "", "event_triggers": "off"}
"""What only a superuser may set: a missing library, or a failing trigger on log-in, locks everybody out."""


def options(*, superuser: bool) -> str:
    """Return the settings as libpq's `options`, in which a blank is escaped."""
    pins = ANY_ROLE | (SUPERUSERS if superuser else {})
    escaped = {name: value.replace(" ", r"\ ") for name, value in pins.items()}
    return " ".join(f"-c {name}={value}" for name, value in escaped.items())
