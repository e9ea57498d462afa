"""Replication slots that keddah did not make: Patroni leaves them alone, and what they hold is reported.

A consumer of logical replication that is gone holds WAL until `max_slot_wal_keep_size` invalidates its slot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from controller.protocol.member import LOST

LOOK_SECONDS = 10.0
_REPORTED_MIB = 64
"""The smallest amount that is reported, and then its doubles: a tag that changed always would be noise."""

HELD = """
SELECT slot_name,
    CASE wal_status
        WHEN 'lost' THEN -1
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint >> 20
    END
FROM pg_catalog.pg_replication_slots
WHERE NOT active AND NOT temporary AND NOT pg_is_in_recovery()
    AND (restart_lsn IS NOT NULL OR wal_status = 'lost')
"""
"""Inactive slots of a primary, and the MiB of WAL that each holds, or LOST; none on a standby."""


def own(name: str, scope: str) -> bool:
    """Whether a slot is that of a member (Patroni, slot_name_from_member_name): `orders_0` of `orders`."""
    return re.fullmatch(rf"{re.escape(scope.replace('-', '_'))}_\d+", name) is not None


def ignoring_others(ignored: Callable[..., bool], scope: str) -> Callable[[Any, str], bool]:
    """Return Patroni's `ignore_replication_slot`, which also ignores what is no member's.

    Without this Patroni drops every slot that its configuration does not name, at its next start.
    """
    return lambda cluster, name: not own(name, scope) or ignored(cluster, name)


class HeldSlots:
    """Remembers how much WAL the slots of consumers that are away hold."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self.held: dict[str, int] = {}
        """MiB by the slot's name; LOST of an invalid one."""

    def changed(self, rows: Iterable[tuple[str, int]]) -> bool:
        """Record what each slot holds; return whether that changes the report."""
        before = self.held
        others = ((name, held) for name, held in rows if not own(name, self._scope))
        self.held = {name: _step(held) for name, held in others if held >= _REPORTED_MIB or held == LOST}
        return self.held != before


def watch(
    slots: HeldSlots,
    ask: Callable[[str], Iterable[tuple[str, int]]],
    wake: Callable[[], None],
    pause: Callable[[float], None],
) -> None:
    """Ask the server from time to time, and call `wake` whenever the tag changes; never returns."""
    while True:
        pause(LOOK_SECONDS)
        if slots.changed(ask(HELD)):
            wake()


def _step(held: int) -> int:
    return LOST if held == LOST else _REPORTED_MIB << (held // _REPORTED_MIB).bit_length() - 1
