"""Kills a server whose postmaster is stopped, or hangs, while its backends go on.

Patroni checks the server over a connection that is open already, so it notices nothing, while nobody can
connect. Such a server is killed with all its backends; the rest is as after any crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .knocks import knocks
from .sight import Sight


@dataclass(frozen=True)
class Patience:
    """How long a server may leave connections unanswered; times in seconds.

    After 12 s without an answer it is killed: 12 to 15 s after it froze, or 18 s if it froze during a check.
    The failover then takes 1 s, at worst 3 s; in all it may take 25 s. A healthy server answers within
    milliseconds. A process that waits for neither CPU nor disk is scheduled within 12 s even on the slowest
    machine, the more so as each of four connections wakes it.
    """

    period: float = 3.0
    """Between two checks: each costs the server a fork."""
    answer: float = 3.0
    knocks: int = 4
    late: float = 1.0
    """A check that was itself delayed by this much (overloaded machine, frozen pod) proves nothing."""


class Server(Protocol):
    """The server that is watched."""

    @property
    def address(self) -> str:
        """The socket on which it answers."""

    def sight(self) -> Sight | None:
        """Observe the postmaster; None if it is busy, or need not answer now."""

    def kill(self, sight: Sight) -> None:
        """Kill it and all its backends."""


def watch(
    server: Server, clock: Callable[[], float], pause: Callable[[float], None], patience: Patience
) -> None:
    """Kill the server whenever it is silent; never returns. `clock`: monotonic seconds."""
    while True:
        sight = silent(server, clock, patience)
        if sight is not None:
            server.kill(sight)
        pause(patience.period)


def silent(server: Server, clock: Callable[[], float], patience: Patience) -> Sight | None:
    """Return the observation of a postmaster that answered no connection and did nothing; else None.

    Missing answers alone do not distinguish a frozen server from a slow one, so /proc is read before and
    after every connection.
    """
    sight = server.sight()
    if sight is None:
        return None
    with knocks(server.address) as line:
        for _ in range(patience.knocks):
            begun = clock()
            if line.answered(patience.answer):
                return None
            held_up = clock() - begun > patience.answer + patience.late
            if held_up or server.sight() != sight:
                return None
    return sight
