"""What a server does at the moment, as one statement tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

STATEMENT: Final = """\
SELECT json_build_object(
  'instance', current_setting('cluster_name'),
  'recovery', pg_is_in_recovery(),
  'limit', current_setting('max_connections')::int,
  'transactions', (SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database),
  'at', extract(epoch FROM clock_timestamp()),
  'sessions', (SELECT coalesce(json_agg(s ORDER BY s.waits DESC, s.seconds DESC), '[]') FROM (
    SELECT pid, usename AS role, datname AS database, state, application_name AS application,
      concat_ws(':', wait_event_type, wait_event) AS wait,
      extract(epoch FROM clock_timestamp() - CASE state WHEN 'active' THEN query_start ELSE state_change END)
        AS seconds,
      extract(epoch FROM clock_timestamp() - xact_start) AS transaction,
      pg_blocking_pids(pid) AS blockers, cardinality(pg_blocking_pids(pid)) > 0 AS waits,
      left(regexp_replace(query, '\\s+', ' ', 'g'), 500) AS query
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS s))
"""
"""Read as the superuser. A query may hold what its author wrote into it: it is shown, and never kept."""
SAFE_PATH: Final = "PGOPTIONS=-c search_path=pg_catalog,pg_temp"
"""Environment of each session as the superuser, who would execute what an owner has put before PostgreSQL's
own by ALTER DATABASE … SET search_path; a client's options win over that."""
PINNED: Final = f"{SAFE_PATH} -c statement_timeout=5s"


@dataclass(frozen=True, slots=True)
class Session:
    """One connection of a client."""

    pid: int
    role: str
    database: str
    state: str
    wait: str
    seconds: float
    transaction: float | None
    """For how long its transaction is open; None outside of one."""
    blockers: tuple[int, ...]
    query: str
    application: str = ""


@dataclass(frozen=True, slots=True)
class Activity:
    """One look at a server."""

    standby: bool
    limit: int
    transactions: int
    at: float
    sessions: tuple[Session, ...]
    rate: float | None = None
    """Transactions a second since the look before; None at the first."""


def read(text: str, before: Activity | None = None) -> Activity:
    """Read what the statement gives."""
    said: Mapping[str, Any] = json.loads(text)
    at, count = float(said["at"]), int(said["transactions"] or 0)
    rate = None
    if before is not None and at > before.at:
        rate = max(0.0, (count - before.transactions) / (at - before.at))
    sessions = tuple(map(_session, said["sessions"]))
    return Activity(bool(said["recovery"]), int(said["limit"]), count, at, sessions, rate)


def _session(said: Mapping[str, Any]) -> Session:
    return Session(
        said["pid"],
        said["role"] or "",
        said["database"] or "",
        said["state"] or "",
        said["wait"] or "",
        float(said["seconds"] or 0),
        None if said["transaction"] is None else float(said["transaction"]),
        tuple(said["blockers"]),
        said["query"] or "",
        said["application"] or "",
    )
