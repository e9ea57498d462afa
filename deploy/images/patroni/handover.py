"""What a stopping primary does so that applications write again soon: it keeps its label, and sleeps less."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

KEPT_SECONDS = 5.0
"""How long a stopped primary keeps its label at most."""
FOLLOW_SECONDS = 2
"""How long Patroni sleeps (ha.py) for another member to take the lock, before it follows the new primary."""
CATCH_UP_SECONDS = 1
CAUGHT_UP_SECONDS = 0.25
"""How long Patroni gives standbys to receive the shutdown checkpoint of a stopping primary, and how long it
takes them unless they are far behind: then a second does not help either."""
LOOK_SECONDS = 0.05


class Label:
    """Keeps the label on a stopped primary until another pod has it.

    Patroni removes it when it releases the lock, 0.2 s before the new primary has it. For a Service without
    endpoints kube-proxy rejects connections by ICMP, of which the kernel sends six and then one a second
    (icmp(7), icmp_ratelimit): further attempts stay unanswered, and the client repeats them a second later.
    In addition, kube-proxy by default syncs at most once a second, so the new primary would wait for the
    second sync. A stopped server, in contrast, refuses every connection at once.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def kept(self, *, stopped: bool, taken: bool, now: float) -> bool:
        """Whether to keep the label. `taken`: another pod has it. `now`: seconds of a monotonic clock.

        For KEPT_SECONDS at most: without a new primary, the label should show the pod's real state.
        """
        if not stopped or taken:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        return now - self._since < KEPT_SECONDS


class InterruptibleTime:
    """Replaces the module `time` in `patroni.ha`; the sleep for a new primary ends as soon as there is one.

    With two instances, only the old primary can acknowledge the new primary's commits, so they wait as long
    as it sleeps.
    """

    def __init__(self, succeeded: Callable[[], bool]) -> None:
        self._succeeded = succeeded

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of `time`
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Sleep, or less than that."""
        if seconds != FOLLOW_SECONDS:
            time.sleep(CAUGHT_UP_SECONDS if seconds == CATCH_UP_SECONDS else seconds)
            return
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._succeeded():
            time.sleep(LOOK_SECONDS)
