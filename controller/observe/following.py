"""Detects standbys that do not follow the primary, and reads the reason from their logs; pure."""

from __future__ import annotations

import re

from controller.observe.world import Instance, World

_NOTICEABLE = 20.0
"""Seconds without any progress."""
_WAL_IS_GONE = re.compile(
    # After another severity, or a tab, the text is quoted from a user's statement.
    r"^(?!\t)(?:(?!ERROR:|LOG:|STATEMENT:|DETAIL:|CONTEXT:|QUERY:).)*FATAL:  could not receive data from WAL"
    r" stream: ERROR:  requested WAL segment [0-9A-F]{24} has already been removed$",
    re.MULTILINE,
)
"""PostgreSQL's message on a standby, repeated every few seconds (walreceiver, quoting the walsender)."""
_NOT_STARTING = frozenset({"start failed", "restart failed"})


def cannot_follow(instance: Instance, world: World) -> bool:
    """Whether a standby exists and has made no progress for 20 s.

    One that does not start from a newer template than the primary's is reported by the rollout instead.
    """
    there = not instance.deleting and not instance.ended and not instance.ready
    standby = instance.role != "primary" and instance.name != world.leadership.holder
    at_rest = instance.state == "running" or (not_starting(instance) and not _untried(instance, world))
    seconds = world.idle.get(instance.uid, 0.0)
    return there and standby and at_rest and not instance.streaming and seconds >= _NOTICEABLE


def unexplained(world: World) -> list[Instance]:
    """Return the standbys that do not follow for a reason that only their log shows."""
    return [i for i in world.instances if i.state == "running" and cannot_follow(i, world)]


def wants_removed_wal(log: str) -> bool:
    """Whether the end of a standby's log says that the primary has removed WAL that it needs."""
    return _WAL_IS_GONE.search(log) is not None


def not_starting(instance: Instance) -> bool:
    """Whether Patroni has given up starting its server, until something changes."""
    return instance.state in _NOT_STARTING


def _untried(instance: Instance, world: World) -> bool:
    """Whether a server fails to start from another template than the primary runs."""
    primary = world.primary
    return not_starting(instance) and primary is not None and instance.revision != primary.revision
