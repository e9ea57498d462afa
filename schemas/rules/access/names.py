"""What entries of spec.databases and spec.roles refer to: roles and databases that are declared too."""

from __future__ import annotations

import difflib
import hashlib
from typing import TYPE_CHECKING, Final

from schemas.postgresql.identifiers import LONGEST
from schemas.verdict import listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.api.types import Spec

PREDEFINED: Final = frozenset(
    {
        "pg_checkpoint",
        "pg_create_subscription",
        "pg_maintain",
        "pg_monitor",
        "pg_read_all_data",
        "pg_read_all_settings",
        "pg_read_all_stats",
        "pg_signal_backend",
        "pg_stat_scan_tables",
        "pg_use_reserved_connections",
        "pg_write_all_data",
    }
)
"""PostgreSQL's own roles that may be given (17, Predefined Roles): not those that reach the server's files
and programs, which are as good as a superuser."""


def roles(spec: Spec) -> frozenset[str]:
    """Name the roles that are declared."""
    return frozenset((spec.owner, *(role.name for role in spec.roles)))


def databases(spec: Spec) -> frozenset[str]:
    """Name the databases that are declared."""
    return frozenset((spec.database, *(database.name for database in spec.databases)))


def second_login(role: str) -> str:
    """Name the other of the two logins between which the Secret of a role whose password rotates alternates.

    The first is the role itself. The second is a member of it, and what it makes belongs to the role.
    """
    name = f"{role}_b"
    if len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(role.encode()).hexdigest()[:8]
    return f"{role.encode()[: LONGEST - 11].decode(errors='ignore')}_{digest}_b"


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """Say that a name leads nowhere, and where it may have been meant to."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"is not declared; is it {shown(near[0])}?"
    return f"is not declared; {what}: {listed(names)}"
