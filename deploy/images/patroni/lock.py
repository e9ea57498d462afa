"""A standby releases the lock of a primary whose container has ended, if the controller does not.

Patroni's lock outlives its holder by up to `ttl` (20 s), and the kubelet may wait for minutes before it
starts a container again. The controller releases the lock at once (controller/plan/instances/failover.py).
If it is down itself, a standby does, which watches the same pods. The election stays Patroni's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from controller.protocol.member import container, last_renewed_by, moment, termination

CONTROLLER_SECONDS = 1.0
"""Head start of the controller, which needs a tenth of it and also knows whether the node is Ready."""
LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Lock:
    """The leader lock, as of one version of its object."""

    holder: str
    version: str
    renewed: str
    """When its holder renewed it last, by its own clock (ISO 8601)."""


class Standby(Protocol):
    """This member, as Patroni knows it."""

    def lock(self) -> Lock | None:
        """Return the lock; None if it is free, or this member could not acquire it."""

    def pod(self, name: str) -> Any:  # noqa: ANN401 - a manifest: whatever has `get`
        """Return another member's pod as last seen; None where there is none."""

    def release(self, lock: Lock) -> None:
        """Release the lock on behalf of its holder, unless it changed since it was read."""


def watch(standby: Standby, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
    """Release orphaned locks that nobody else releases; never returns. `clock`: monotonic seconds."""
    since: float | None = None
    while True:
        lock = standby.lock()
        if lock is None or not orphaned(lock, standby.pod(lock.holder)):
            since = None
        elif since is None:
            since = clock()
        elif clock() - since >= CONTROLLER_SECONDS:
            standby.release(lock)
            since = None
        pause(LOOK_SECONDS)


def orphaned(lock: Lock, pod: Any) -> bool:  # noqa: ANN401 - a manifest: whatever has `get`
    """Whether the kubelet reports that the container which renewed the lock last has ended, and none runs.

    This is the controller's rule, less the node, which a standby cannot see; one table of tests covers both.
    A kubelet that is partitioned after its report may start the container again, but that one must renew the
    lock before it accepts writes: its renewal either fails, or is later than the termination.
    """
    if pod is None or (pod.get("spec") or {}).get("shareProcessNamespace") is True:
        return False
    status = pod.get("status") or {}
    ended = termination(container(status)).get("finishedAt")
    return last_renewed_by(moment(status.get("startTime")), moment(lock.renewed), moment(ended))
