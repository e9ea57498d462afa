"""The lock of a primary whose container has ended, released by a standby while the controller is away.

Patroni's lock outlives its holder by up to `ttl` (20 s), and the kubelet may wait for minutes before it
starts a container again. The controller releases the lock at once (controller/plan/instances/failover.py).
Where it does not, because it is down itself, a standby does: it watches the same pods. Nobody is elected
here; Patroni's own race follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

CONTAINER = "postgres"

CONTROLLER_SECONDS = 1.0
"""What the controller has first: it needs a tenth of that, and knows the node too."""
LOOK_SECONDS = 0.25

_SECOND = timedelta(seconds=1)  # the kubelet cuts the fractions of its times off


@dataclass(frozen=True)
class Lock:
    """The lock as one version of its object says."""

    holder: str
    version: str
    renewed: str
    """When its holder renewed it last, by its own clock (ISO 8601)."""


class Standby(Protocol):
    """This member, as Patroni knows it."""

    def lock(self) -> Lock | None:
        """Return the lock; None where nobody holds it, or this member could not take it over."""

    def pod(self, name: str) -> Any:  # noqa: ANN401 - a manifest: whatever has `get`
        """Return another member's pod as last seen; None where there is none."""

    def release(self, lock: Lock) -> None:
        """Take the lock from its holder, unless it was written since."""


def watch(standby: Standby, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
    """Release every lock that nobody else releases; never returns. `clock` is in seconds, and only grows."""
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
    """Whether the kubelet says that the container which renewed the lock last has ended, and none runs.

    The controller's rule, on what a standby can see; one table of tests has both. That the node is Ready it
    cannot see. A kubelet that is cut off after it said so may start the container again, but that one has to
    renew the lock before it writes, and then it is either refused or renewed it after the end.
    """
    if pod is None or (pod.get("spec") or {}).get("shareProcessNamespace") is True:
        return False
    status = pod.get("status") or {}
    started, renewed = _moment(status.get("startTime")), _moment(lock.renewed)
    ended = _moment(_termination(status).get("finishedAt"))
    if started is None or renewed is None or ended is None:
        return False
    return started <= renewed < ended + _SECOND


def _termination(status: Any) -> Any:  # noqa: ANN401 - a part of a manifest
    """Return how the container ended; empty while it runs, or is being started."""
    statuses = status.get("containerStatuses") or []
    container: Any = next((each for each in statuses if each.get("name") == CONTAINER), {})
    state = container.get("state") or {}
    if ((state.get("waiting") or {}).get("reason")) == "CrashLoopBackOff":
        state = container.get("lastState") or {}
    return state.get("terminated") or {}


def _moment(text: str | None) -> datetime | None:
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if read.tzinfo else None
