"""Tells of a primary when databases, roles, or what they may change, so that nobody has to ask for it.

A digest of what PostgreSQL's catalogs have of them: of identities and versions of rows, and of access lists,
never of passwords. What it was before does not matter, only that it is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

LOOK_SECONDS = 10.0
EVERY = 6
"""So many looks at the whole server go by until the next into each database: that costs connections."""
_MOST = 64
"""Databases that are looked into."""
_DIGITS = 12

Rows = Iterable[tuple[Any, ...]]

SERVER = """
SELECT string_agg(line, ' ' ORDER BY line) FROM (
    SELECT 'r' || oid || ':' || xmin AS line FROM pg_catalog.pg_authid
    UNION ALL SELECT 'm' || oid || ':' || xmin FROM pg_catalog.pg_auth_members
    UNION ALL SELECT 'd' || oid || ':' || xmin FROM pg_catalog.pg_database
    UNION ALL SELECT 's' || setrole || ',' || setdatabase || ':' || xmin FROM pg_catalog.pg_db_role_setting
              WHERE setrole <> 0
) found WHERE NOT pg_is_in_recovery()
"""
"""Nothing of a standby."""

DATABASES = """
SELECT datname FROM pg_catalog.pg_database
WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY oid LIMIT 64
"""

CONTENTS = """
SELECT string_agg(line, ' ' ORDER BY line) FROM (
    SELECT 'n' || oid || ':' || xmin AS line FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT 'e' || oid || ':' || xmin FROM pg_catalog.pg_extension
    UNION ALL SELECT 'a' || oid || ':' || xmin FROM pg_catalog.pg_default_acl
    UNION ALL SELECT 'c' || oid || ':' || relacl::text FROM pg_catalog.pg_class
    WHERE relacl IS NOT NULL AND oid >= 16384 AND relpersistence <> 't'
) found
"""
"""Relations by their access lists, as their rows change with every DDL; 16384: no more PostgreSQL's own."""


class AccessDigest:
    """Remembers the digest."""

    def __init__(self) -> None:
        self.text = ""
        """"" of a standby, and until the first look."""
        self._contents = ""
        self._looks = 0

    def changed(self, ask: Callable[[str], Rows], within: Callable[[str, str], Rows]) -> bool:
        """Look; return whether that changes the report. `within` asks in one database."""
        server = _joined(ask(SERVER))
        before = self.text
        if not server:
            self.text, self._contents, self._looks = "", "", 0
            return self.text != before
        if self._looks % EVERY == 0:
            names = [name for (name,) in ask(DATABASES)]
            self._contents = "\n".join(_joined(within(name, CONTENTS)) for name in names[:_MOST])
        self._looks += 1
        self.text = hashlib.sha256(f"{server}\n{self._contents}".encode()).hexdigest()[:_DIGITS]
        return self.text != before


def watch(
    digest: AccessDigest,
    ask: Callable[[str], Rows],
    within: Callable[[str, str], Rows],
    wake: Callable[[], None],
    pause: Callable[[float], None],
) -> None:
    """Look from time to time, and call `wake` whenever the digest changes; never returns."""
    while True:
        pause(LOOK_SECONDS)
        if digest.changed(ask, within):
            wake()


def _joined(rows: Rows) -> str:
    return "".join(text or "" for (text,) in rows)
