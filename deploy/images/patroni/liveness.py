"""Kills a server whose postmaster is stopped, or hangs, while its backends go on.

Patroni checks the server over a connection that is open already, so it notices nothing, while nobody can
connect. Such a server is killed with all its backends; the rest is as after any crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .probe import probing
from .procfs import ProcessState


@dataclass(frozen=True)
class LivenessProbe:
    """How often a server is probed, and when it counts as frozen; times in seconds.

    After 12 s without an answer it is killed: 12 to 15 s after it froze, or 18 s if it froze during a check.
    The failover then takes 1 s, at worst 3 s; in all it may take 25 s. A healthy server answers within
    milliseconds. A process that waits for neither CPU nor disk is scheduled within 12 s even on the slowest
    machine, the more so as each of four connections wakes it.
    """

    period: float = 3.0
    """Between two probes: each costs the server a fork."""
    timeout: float = 3.0
    failure_threshold: int = 4
    tolerance: float = 1.0
    """A probe that was itself delayed by this much (overloaded machine, frozen pod) proves nothing."""


class Server(Protocol):
    """The server that is probed."""

    @property
    def address(self) -> str:
        """The socket on which it answers."""

    def postmaster_state(self) -> ProcessState | None:
        """Return the state of the postmaster; None if it is busy, or need not answer now."""

    def kill(self, state: ProcessState) -> None:
        """Kill it and all its backends."""


def watch(
    server: Server, clock: Callable[[], float], pause: Callable[[float], None], probe: LivenessProbe
) -> None:
    """Kill the server whenever it is frozen; never returns. `clock`: monotonic seconds."""
    while True:
        state = frozen(server, clock, probe)
        if state is not None:
            server.kill(state)
        pause(probe.period)


def frozen(server: Server, clock: Callable[[], float], probe: LivenessProbe) -> ProcessState | None:
    """Return the state of a postmaster that answered no connection and did not run meanwhile; else None.

    Missing answers alone do not distinguish a frozen server from a slow one, so /proc is read before and
    after every connection.
    """
    state = server.postmaster_state()
    if state is None:
        return None
    with probing(server.address) as connections:
        for _ in range(probe.failure_threshold):
            begun = clock()
            if connections.answered(probe.timeout):
                return None
            held_up = clock() - begun > probe.timeout + probe.tolerance
            if held_up or server.postmaster_state() != state:
                return None
    return state
