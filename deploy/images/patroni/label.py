"""How long a stopped primary keeps its label."""

from __future__ import annotations

KEPT_SECONDS = 5.0


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
