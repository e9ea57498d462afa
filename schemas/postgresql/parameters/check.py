"""PostgreSQL's configuration parameters, judged by its own table of each major version."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Final

from schemas.postgresql.parameters import strings as parameterstrings
from schemas.postgresql.parameters import values as parametervalues
from schemas.postgresql.parameters.reserved import REASONS, VALUES
from schemas.postgresql.parameters.table import Context, Parameter, known
from schemas.verdict import shown

STANDBY_SENSITIVE: Final = frozenset(
    {
        "max_connections",
        "max_worker_processes",
        "max_prepared_transactions",
        "max_locks_per_transaction",
        "max_wal_senders",
    }
)
"""A standby needs at least its primary's value of these: they rise on standbys first and fall there last
(PostgreSQL documentation, Hot Standby, Administrator's Overview)."""

LONGEST_NAME: Final = 63
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*", re.ASCII)
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NEVER = "cannot be changed in a running system; leave it out"


@lru_cache(maxsize=1024)
def problem(name: str, value: str, major: int) -> str | None:
    """Say what is wrong with a parameter in a major version, None if nothing is.

    Names compare without case, as PostgreSQL's do. One with a dot belongs to an extension, whose own rules
    are not known here.
    """
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        return "is not a parameter name; use letters, digits and _, such as work_mem"
    control = _CONTROL.search(value)
    if control:
        return f"must not contain the character {shown(control[0])}; write the value on one line"
    folded = name.lower()
    if folded in REASONS:
        return f"{folded} is reserved: {REASONS[folded]}"
    if "." in folded:
        return None
    return _mistake(folded, value, major)


def _mistake(name: str, value: str, major: int) -> str | None:
    table = known(major)
    if table is None:
        return f"parameters of PostgreSQL {major} are not known to this version of keddah"
    parameter = table.get(name)
    if parameter is None:
        return _unknown(name, major, table)
    if parameter.context == "internal":
        return _NEVER
    refused = VALUES.get((name, value.lower()))
    if refused:
        return refused
    check = parameterstrings.CHECKS.get(name) if parameter.vartype == "string" else None
    return check(value) if check else parametervalues.problem(parameter, value)


@lru_cache(maxsize=1024)
def number(name: str, value: str, major: int) -> float | None:
    """Return what a number means, in its parameter's unit; None for what its own rule reports."""
    parameter = _parameter(name, major)
    return parametervalues.number(parameter, value) if parameter else None


@lru_cache(maxsize=1024)
def memory(name: str, value: str, major: int) -> int | None:
    """Return the bytes that a value means; None for what its own rule reports."""
    parameter = _parameter(name, major)
    return parametervalues.memory(parameter, value) if parameter else None


def same(name: str, old: str | None, new: str | None, major: int) -> bool:
    """Whether two values mean the same to PostgreSQL and Patroni, however they are spelled."""
    if old is None or new is None or old == new:
        return old == new
    parameter = _parameter(name, major)
    return parameter is not None and (
        parametervalues.meaning(parameter, old) == parametervalues.meaning(parameter, new)
    )


def _parameter(name: str, major: int) -> Parameter | None:
    return (known(major) or {}).get(name.lower())


def _unknown(name: str, major: int, table: dict[str, Parameter]) -> str:
    missing = f"PostgreSQL {major} has no such parameter"
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.7)
    return f"{missing}; did you mean {table[near[0]].name}?" if near else missing


def warning(name: str, value: str, major: int) -> str | None:
    """Say what a user of a right value should know, None if nothing."""
    folded = name.lower()
    if folded in {"shared_preload_libraries", "session_preload_libraries"}:
        unknown = parameterstrings.unknown_libraries(value, major)
        if unknown:
            return f"keddah's own image lacks {shown(unknown[0])}; without it PostgreSQL does not start"
    if folded == "synchronous_commit" and value.lower() in {"off", "local"}:
        return "commits are acknowledged before a standby has them and can be lost in a failover"
    if context(name, major) is None:
        return "belongs to an extension, whose own rules are not checked here"
    return None


def context(name: str, major: int) -> Context | None:
    """Tell when PostgreSQL takes over a change (pg_settings.context); None for a name it does not know."""
    parameter = _parameter(name, major)
    return parameter.context if parameter else None


def needs_restart(name: str, major: int) -> bool:
    """Whether a change takes effect only when the server starts again; extensions' parameters reload."""
    return context(name, major) == "postmaster"
