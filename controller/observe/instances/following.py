"""Detects standbys that do not follow the primary, and reads the reason from their logs; pure."""

from __future__ import annotations

import re

from controller.observe.instances.instance import Instance
from controller.observe.instances.logged import last_words
from controller.observe.instances.pods import COPYING
from controller.observe.state import ObservedState

_NOTICEABLE = 20.0
"""Seconds without any progress."""
_WAL_IS_GONE = re.compile(
    r"could not receive data from WAL stream:"
    r" ERROR:  requested WAL segment [0-9A-F]{24} has already been removed"
)
"""PostgreSQL's message on a standby, repeated every few seconds (walreceiver, quoting the walsender)."""
STARTING = "starting"
"""Patroni's word for a server that recovers, or is a standby that is not consistent yet."""
_NOT_STARTING = frozenset({"start failed", "restart failed"})


def cannot_follow(instance: Instance, observed: ObservedState) -> bool:
    """Whether a standby exists and has made no progress for 20 s, though there is a primary to follow.

    One that does not start from a newer template than the primary's is reported by the rollout instead.
    """
    useless = instance.damage != "" and instance.state != COPYING
    failed = not_starting(instance) and not _untried(instance, observed)
    # A recovery may take long; it never ends without the WAL that it needs to be consistent.
    waits = instance.state == STARTING and instance.uid in observed.without_wal
    at_rest = instance.state == "running" or failed or useless or waits
    return at_rest and _stands_still(instance, observed)


def unexplained(observed: ObservedState) -> list[Instance]:
    """Return the standbys that do not follow for a reason that only their log shows."""
    silent = ("running", STARTING)
    return [i for i in observed.instances if i.state in silent and _stands_still(i, observed)]


def _stands_still(instance: Instance, observed: ObservedState) -> bool:
    """Whether a standby is there, but not ready, and has made no progress for a while that would show."""
    there = not instance.deleting and not instance.ended and not instance.ready
    lost = observed.primary is not None and observed.known_primary is None
    standby = instance.role != "primary" and instance.name != observed.leadership.holder
    seconds = observed.idle.get(instance.uid, 0.0)
    return there and not lost and standby and not instance.streaming and seconds >= _NOTICEABLE


def wants_removed_wal(log: str) -> bool:
    """Whether the end of a standby's log says that the primary has removed WAL that it needs."""
    return any(_WAL_IS_GONE.fullmatch(words) for words in last_words(log))


def not_starting(instance: Instance) -> bool:
    """Whether Patroni has given up starting its server, until something changes."""
    return instance.state in _NOT_STARTING


def _untried(instance: Instance, observed: ObservedState) -> bool:
    """Whether a server fails to start from another template than the primary runs."""
    primary = observed.primary
    return not_starting(instance) and primary is not None and instance.revision != primary.revision
