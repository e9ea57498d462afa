"""Keeps the role of the exporter as it must be, in any database: an old one and a restored copy too.

It may read statistics, and nothing else by keddah's doing. Who is this role is the user of that name in the
exporter's container, by its socket (pg_hba.conf, peer); there is no password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from controller.protocol.exporter import PROBLEMS_FILE, problems
from controller.sessions import EXPORTER

LOOK_SECONDS = 10.0

_SETTINGS = {
    "default_transaction_read_only": "on",
    "idle_session_timeout": "0",
    "lock_timeout": "500ms",
    "search_path": "pg_catalog, pg_temp",
    "statement_timeout": "5s",
}
_CONNECTIONS = 8

_HAS = " AND ".join(
    [
        *(f"rolconfig @> ARRAY['{name}={value}']" for name, value in _SETTINGS.items()),
        f"rolcanlogin AND rolinherit AND rolconnlimit = {_CONNECTIONS}",
        "NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)",
    ]
)
LOOK = f"""
SELECT coalesce((SELECT {_HAS} AND pg_has_role(oid, 'pg_monitor', 'USAGE')
        AND (SELECT rolpassword IS NULL FROM pg_authid WHERE pg_authid.oid = pg_roles.oid)
        FROM pg_roles WHERE rolname = '{EXPORTER}'), false),
    EXISTS (SELECT FROM pg_roles WHERE rolname = '{EXPORTER}'),
    current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'
        AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
WHERE NOT pg_is_in_recovery()
"""  # noqa: S608 - names of ours
"""Whether the role is as it must be, whether it is there, and whether statements are counted and not told."""

_CREATE = f"CREATE ROLE {EXPORTER}"
_SET = (
    f"ALTER ROLE {EXPORTER} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    f"ALTER ROLE {EXPORTER} CONNECTION LIMIT {_CONNECTIONS} PASSWORD NULL",
    *(
        f"ALTER ROLE {EXPORTER} SET {name} = {value if name == 'search_path' else repr(value)}"
        for name, value in _SETTINGS.items()
    ),
    f"GRANT pg_monitor TO {EXPORTER}",
)
_STATEMENTS = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public"
"""In the database `postgres`, where nobody but superusers can put anything in its place."""

Ask = Callable[[str], Iterable[tuple[Any, ...]]]


def needed(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Return the statements that are needed after a look; none of a standby."""
    for as_it_must_be, there, untold in rows:
        role = [] if as_it_must_be else [*([] if there else [_CREATE]), *_SET]
        return [*role, *([_STATEMENTS] if untold else [])]
    return []


class CustomQueries:
    """Remembers what the exporter says of custom queries that fail."""

    def __init__(self, file: Path = Path(PROBLEMS_FILE)) -> None:
        self._file = file
        self.text = ""

    def changed(self) -> bool:
        """Look; return whether there is news."""
        before = self.text
        try:
            self.text = problems(self._file.read_text())
        except (OSError, UnicodeDecodeError):
            self.text = ""
        return self.text != before


def watch(ask: Ask, custom: CustomQueries, wake: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Look from time to time, and call `wake` at news of custom queries; never returns."""
    while True:
        for statement in needed(ask(LOOK)):
            ask(statement)
        if custom.changed():
            wake()
        pause(LOOK_SECONDS)
