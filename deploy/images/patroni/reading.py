"""Who may read the cluster's state anew: the HA loop alone, since it acquires the lock by what was read last.

Patroni keeps the lock's version with what it read, in whichever thread, and names it when it acquires the
lock. A member that was asked for a switchover reads for its answer too, each second, in a thread of the REST
API. If that thread reads between the HA loop's look at a free lock and its attempt, the attempt names the
version of a lock that another member has just acquired, and takes it away: both are promoted, on the same
timeline (Patroni 4.1, dcs/kubernetes.py, _leader_resource_version, _leader_observed_record; api.py,
poll_failover_result).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

WAIT_SECONDS: Final = 6.0
"""More than the HA loop lets pass between two looks (`loop_wait`)."""
LOOK_SECONDS: Final = 0.1
MISSING: Final = "The HA loop has not read the state of the cluster"


class Store(Protocol):
    """What Patroni knows of the cluster (dcs)."""

    @property
    def cluster(self) -> Any:  # noqa: ANN401 - Patroni's own
        """What was read last; None where that is of no use any more.

        So it is once it is older than the lock's ttl, and until the next look after one that has failed, or
        after this member has released the lock.
        """


def by_this_thread(
    store: Store,
    read: Callable[[], Any],
    error: type[Exception],
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Callable[[], Any]:
    """Return a reader by which the present thread reads, and others are given what it has read last.

    They wait for it for a while, and never read themselves; `error` is raised where nothing comes, as by a
    reader whose API server does not answer.
    """
    owner = threading.get_ident()

    def cluster() -> Any:  # noqa: ANN401 - Patroni's own
        if threading.get_ident() == owner:
            return read()
        until = clock() + WAIT_SECONDS
        while (known := store.cluster) is None:
            if clock() >= until:
                raise error(MISSING)
            pause(LOOK_SECONDS)
        return known

    return cluster
