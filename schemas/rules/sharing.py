"""How much shared memory parameters ask for besides shared_buffers: a server reserves all of it at its start.

Measured by `postgres -C shared_memory_size` of 17 and 18, one parameter after another.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from schemas.postgresql.parameters import check
from schemas.postgresql.parameters.table import known
from schemas.rules.sizing import MEBIBYTE

if TYPE_CHECKING:
    from schemas.rules.settings import ParameterSettings

MOST_PROCESSES: Final = 262_143
"""MAX_BACKENDS of procnumber.h: the number of a server process has 18 bits."""
_KIBIBYTE: Final = 1024
_PROCESS: Final = 8 * _KIBIBYTE
_LOCK, _PREDICATE_LOCK = 420, 270
_SLOT: Final = 340
_PAGE: Final = 8400
_HANDLE, _VECTOR = 264, 24
"""Bytes of a handle of asynchronous I/O, and of each page that it may read or write at once."""
_PAGES: Final = {
    **dict.fromkeys(("commit_timestamp_buffers", "multixact_member_buffers", "multixact_offset_buffers"), 1),
    **dict.fromkeys(("notify_buffers", "serializable_buffers", "subtransaction_buffers", "wal_buffers"), 1),
    "transaction_buffers": 2,
}
_RESERVED: Final = {17: 1, 18: 2}
"""Processes that no parameter counts: the autovacuum launcher, and the one that synchronizes slots."""


def processes(settings: ParameterSettings) -> int:
    """Return how many server processes there may be at once."""
    return _processes(_asked(settings), settings.major)


@lru_cache(maxsize=256)
def _processes(asked: tuple[tuple[str, str], ...], major: int) -> int:
    numbers = _usual(major) | _numbers(asked, major)
    return _RESERVED.get(major, 2) + sum(numbers[name] for name in counted(major))


def counted(major: int) -> tuple[str, ...]:
    """Name the parameters that make up this number (InitializeMaxBackends in postinit.c)."""
    autovacuum = "autovacuum_max_workers" if major <= min(_RESERVED) else "autovacuum_worker_slots"
    return "max_connections", autovacuum, "max_worker_processes", "max_wal_senders"


def more(settings: ParameterSettings) -> int:
    """Return the bytes beyond what PostgreSQL's defaults ask for."""
    return _more(_asked(settings), settings.major)


def largest(settings: ParameterSettings) -> str:
    """Name the parameter without which the most would be saved."""
    excess = _excess(_numbers(_asked(settings), settings.major), settings.major)
    return max(excess, key=lambda name: excess[name])


def _asked(settings: ParameterSettings) -> tuple[tuple[str, str], ...]:
    """Return what a spec says of the parameters that count here, by their names in lower case."""
    found = ((name, settings.get(name)) for name in settings.names() if name in _COUNTED)
    return tuple((name, spelled[1]) for name, spelled in found if spelled)


@lru_cache(maxsize=256)
def _more(asked: tuple[tuple[str, str], ...], major: int) -> int:
    usual = _usual(major)
    return _bytes(usual | _numbers(asked, major), major) - _bytes(usual, major) if asked else 0


def _numbers(asked: tuple[tuple[str, str], ...], major: int) -> dict[str, int]:
    """Read values; one that its own rule reports counts as if it were not there."""
    read = ((name, check.number(name, value, major)) for name, value in asked)
    return {name: int(number) for name, number in read if number is not None}


@cache
def _usual(major: int) -> dict[str, int]:
    """Return PostgreSQL's defaults; 0 for a parameter that the major version lacks."""
    table = known(major) or {}
    return {name: int(table[name].boot_val or 0) if name in table else 0 for name in _NAMES}


def _excess(asked: dict[str, int], major: int) -> dict[str, int]:
    """Return the bytes beyond the defaults, by the parameter that is to blame for them."""
    numbers = dict(_usual(major))
    excess: dict[str, int] = {}
    before = _bytes(numbers, major)
    for name in _NAMES:
        numbers[name] = asked.get(name, numbers[name])
        after = _bytes(numbers, major)
        excess[name] = after - before
        before = after
    return excess


def _bytes(numbers: dict[str, int], major: int) -> int:
    slots = sum(numbers[name] for name in counted(major))
    holders = slots + numbers["max_prepared_transactions"]
    handles = max(numbers["io_max_concurrency"], 0)
    handle = _HANDLE + _VECTOR * numbers["io_max_combine_limit"]
    locks = _LOCK * numbers["max_locks_per_transaction"]
    predicates = _PREDICATE_LOCK * numbers["max_pred_locks_per_transaction"]
    return (
        slots * (numbers["track_activity_query_size"] + handles * handle)
        + holders * (_PROCESS + locks + predicates)
        + numbers["max_replication_slots"] * _SLOT
        + sum(weight * _PAGE * max(numbers[name], 0) for name, weight in _PAGES.items())
        + numbers["min_dynamic_shared_memory"] * MEBIBYTE
    )


_NAMES: Final = (
    *("max_connections", "autovacuum_max_workers", "autovacuum_worker_slots", "max_worker_processes"),
    *("max_wal_senders", "max_replication_slots", "max_prepared_transactions", "max_locks_per_transaction"),
    *("max_pred_locks_per_transaction", "track_activity_query_size", "io_max_concurrency"),
    *("io_max_combine_limit", "min_dynamic_shared_memory", *_PAGES),
)
_COUNTED: Final = frozenset(_NAMES)
