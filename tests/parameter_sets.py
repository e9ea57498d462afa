"""Sets of parameters as users may write them: from PostgreSQL's whole table, with its extremes.

What admission refuses is taken out of a set again, so that each set is accepted, and stays unkind.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from random import Random
from typing import Any

from schemas.admit import admit
from schemas.postgresql.parameters.reserved import REASONS
from schemas.postgresql.parameters.table import Parameter, known
from schemas.verdict import field_path
from tests import factory

NOW = datetime(2026, 11, 23, tzinfo=UTC)
RESOURCES = {"limits": {"memory": "768Mi"}}
"""Of the databases that get the sets: only with a limit can admission judge what fits into memory."""
_SHARES = (0.02, 0.1, 0.3)
"""Of all parameters that are in a set."""
_WORDS = ("", "nowhere", "a, b", '"$user", public', "*", "C", "UTC")
"""For strings of which the list below knows nothing."""
_STRINGS: dict[str, tuple[str, ...]] = {
    "datestyle": ("SQL, DMY", "German", "Postgres, MDY"),
    "timezone": ("Asia/Kolkata", "UTC", "Pacific/Kiritimati"),
    "log_timezone": ("Asia/Kolkata",),
    "timezone_abbreviations": ("Australia", "India"),
    "client_encoding": ("LATIN1", "SQL_ASCII", "EUC_JP", "SJIS", "GB18030"),
    "lc_messages": ("C", "C.UTF-8"),
    **dict.fromkeys(("lc_monetary", "lc_numeric", "lc_time"), ("", "C", "POSIX")),
    "createrole_self_grant": ("set, inherit", ""),
    "restrict_nonsystem_relation_kind": ("view, foreign-table", "view"),
    "debug_io_direct": ("data, wal", "wal_init", ""),
    "log_connections": ("all", "on", "off"),
    "log_line_prefix": ("", "%", "%z%%%q%Q", "%n %l %s %v %x %e %i "),
    "wal_consistency_checking": ("all", "heap, btree"),
    "synchronized_standby_slots": ("*", "nowhere", "db_0"),
    "shared_preload_libraries": ("pg_stat_statements, auto_explain", "passwordcheck", "auth_delay"),
    "session_preload_libraries": ("nowhere", "auto_explain"),
    "local_preload_libraries": ("nowhere", ""),
    "search_path": ("nowhere", '"$user"', ""),
    "temp_tablespaces": ("nowhere", ""),
    "jit_provider": ("nowhere", "plpgsql", ""),
    "dynamic_library_path": ("nowhere", "", "/srv", "$libdir", "/srv:$libdir"),
    "backtrace_functions": ("heap_insert, pg_sleep", ""),
}
"""Values of strings that PostgreSQL, or admission, checks by a rule of their own."""
_SETTERS = (
    "ALTER ROLE postgres SET",
    "ALTER ROLE postgres IN DATABASE postgres SET",
    "ALTER ROLE ALL SET",
    "ALTER DATABASE postgres SET",
)
"""How a superuser could reach Patroni's own sessions."""
_OWNERS = ("ALTER ROLE app SET", "ALTER DATABASE app SET")
"""What the application's owner can do."""


def seeded(seed: int) -> Random:
    """Return a source of random numbers that gives the same ones for the same seed."""
    return Random(seed)  # noqa: S311 - no secret


def accepted(random: Random, major: int, **spec: Any) -> dict[str, str]:  # noqa: ANN401
    """Return a set that admission takes for a new database with these fields."""
    found = drawn(random, major)
    while refused := _refused(found, major, spec):
        found = {name: given for name, given in found.items() if name not in refused}
    return found


def drawn(random: Random, major: int) -> dict[str, str]:
    """Return a set whose every value is drawn at random; admission may refuse some of them."""
    rows = [row for name, row in (known(major) or {}).items() if name not in REASONS]
    share = random.choice(_SHARES)
    chosen = [row for row in rows if row.context != "internal" and random.random() < share]
    return {row.name: value(random, row) for row in chosen}


def statements(random: Random, major: int) -> dict[str, list[str]]:
    """Return what sets settings of sessions in SQL, by the role that runs it; the server may refuse some."""
    rows = [row for row in (known(major) or {}).values() if row.context in ("user", "superuser")]
    own = [row for row in rows if row.context == "user"]
    return {
        "postgres": [_statement(random, random.choice(_SETTERS), row) for row in random.sample(rows, 8)],
        "app": [_statement(random, random.choice(_OWNERS), row) for row in random.sample(own, 4)],
    }


def _statement(random: Random, setter: str, row: Parameter) -> str:
    quoted = value(random, row).replace("'", "''")
    return f"{setter} {row.name} = '{quoted}'"


def value(random: Random, parameter: Parameter) -> str:
    """Return a value of a parameter: one of its words, one of its ends, or something between."""
    match parameter.vartype:
        case "bool":
            return random.choice(("on", "off"))
        case "enum":
            return random.choice(parameter.enumvals or ("",))
        case "integer":
            return f"{int(_number(random, parameter))}{_unit(parameter)}"
        case "real":
            return repr(_number(random, parameter))
        case _:
            return random.choice(_STRINGS.get(parameter.name.lower(), _WORDS))


def _number(random: Random, parameter: Parameter) -> float:
    least, most = parameter.minimum, parameter.maximum
    between = math.exp(random.uniform(0, math.log(max(most - least, 0) + 1))) - 1 + least
    return random.choice((least, most, min(max(least, 0) + 1, most), between, between, between))


def _unit(parameter: Parameter) -> str:
    """Return the unit to write: none for pages, in which nobody can."""
    return "" if parameter.unit is None or parameter.unit[0].isdigit() else parameter.unit


def _refused(parameters: dict[str, str], major: int, spec: dict[str, Any]) -> set[str]:
    manifest = factory.complete_database(**spec, version=str(major), parameters=parameters)
    violations = admit(manifest, policy=factory.policy(), now=NOW).violations
    paths = {field_path("spec.parameters", name): name for name in parameters}
    unexpected = [str(each) for each in violations if each.path not in paths]
    assert not unexpected, unexpected
    return {paths[each.path] for each in violations}
