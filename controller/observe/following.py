"""Which standbys do not follow the primary, and what tells why; pure."""

from __future__ import annotations

import re

from controller.observe.world import Instance, World

_NOTICEABLE = 20.0
"""Seconds without any progress."""
_WAL_IS_GONE = re.compile(
    # What follows another severity, or a tab, is quoted from somebody's statement.
    r"^(?!\t)(?:(?!ERROR:|LOG:|STATEMENT:|DETAIL:|CONTEXT:|QUERY:).)*FATAL:  could not receive data from WAL"
    r" stream: ERROR:  requested WAL segment [0-9A-F]{24} has already been removed$",
    re.MULTILINE,
)
"""As PostgreSQL logs it on a standby, every few seconds (walreceiver, and walsender behind it)."""
_NOT_STARTING = frozenset({"start failed", "restart failed"})


def cannot_follow(instance: Instance, world: World) -> bool:
    """Whether a standby is there and has not got on for a noticeable time.

    One that fails to start from another template than the primary's is the roll-out's to tell of.
    """
    there = not instance.deleting and not instance.ended and not instance.ready
    standby = instance.role != "primary" and instance.name != world.leadership.holder
    at_rest = instance.state == "running" or (not_starting(instance) and not _untried(instance, world))
    seconds = world.idle.get(instance.uid, 0.0)
    return there and standby and at_rest and not instance.streaming and seconds >= _NOTICEABLE


def unexplained(world: World) -> list[Instance]:
    """Return the standbys of which only their log tells why they do not follow."""
    return [i for i in world.instances if i.state == "running" and cannot_follow(i, world)]


def wants_removed_wal(log: str) -> bool:
    """Whether the end of a standby's log says that the primary has removed WAL that it needs."""
    return _WAL_IS_GONE.search(log) is not None


def not_starting(instance: Instance) -> bool:
    """Whether Patroni has given up starting its server, until something changes."""
    return instance.state in _NOT_STARTING


def _untried(instance: Instance, world: World) -> bool:
    """Whether a server fails to start from a template that the primary does not run from."""
    primary = world.primary
    return not_starting(instance) and primary is not None and instance.revision != primary.revision
