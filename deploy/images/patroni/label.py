"""How long a primary that hands over keeps its label."""

from __future__ import annotations

KEPT_SECONDS = 5.0


class Label:
    """Keeps the label on a primary that was stopped until another has it.

    Patroni takes it away when it frees the lock, 0.2 s before its successor has it. A Service without any
    endpoint answers by ICMP, which the kernel limits to six, then one a second (icmp(7), icmp_ratelimit): the
    next attempt to connect stays unanswered and is repeated a second later. And where kube-proxy writes its
    rules once a second, as it does by default, the new primary waits for the second time. A server that is
    stopped refuses connections by itself, at once, as often as it is asked.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def kept(self, *, stopped: bool, taken: bool, now: float) -> bool:
        """Whether to leave the label as it is; `taken`: another has it. `now` in seconds, of any clock.

        Not for long: without a successor the pod is to say what has become of it.
        """
        if not stopped or taken:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        return now - self._since < KEPT_SECONDS
