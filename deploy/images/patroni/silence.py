"""A server whose postmaster is stopped, or hangs, while its backends go on.

Patroni asks over connections that it has, and notices nothing, while nobody else can connect. Such a server
is killed with all its backends; what comes then is what comes after every crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .knocks import knocks
from .sight import Sight


@dataclass(frozen=True)
class Patience:
    """How long a server may be silent; times in seconds.

    Nobody answers for 12 s, so it is killed 12 to 15 s after it froze, 18 where it did so under a question.
    Its successor needs 1 s, 3 at the worst, and all together may take 25. A server that is well answers
    within milliseconds; no machine is so slow that a process which is neither waiting for a processor nor for
    a disk gets none in 12 s, though each of four connections was to wake it.
    """

    period: float = 3.0
    """Between two servers' answers: each costs the server a fork."""
    answer: float = 3.0
    knocks: int = 4
    late: float = 1.0
    """Who was itself held up for so long, by a machine that is overloaded or a pod that was frozen, has seen
    no silence."""


class Server(Protocol):
    """The server, as Patroni knows it."""

    @property
    def address(self) -> str:
        """The socket on which it answers."""

    def sight(self) -> Sight | None:
        """Look at the postmaster; None where it is at work, or owes no answer."""

    def kill(self, sight: Sight) -> None:
        """End it and all its backends."""


def watch(
    server: Server, clock: Callable[[], float], pause: Callable[[float], None], patience: Patience
) -> None:
    """Kill the server whenever it is silent; never returns. `clock` is in seconds, and never set back."""
    while True:
        sight = silent(server, clock, patience)
        if sight is not None:
            server.kill(sight)
        pause(patience.period)


def silent(server: Server, clock: Callable[[], float], patience: Patience) -> Sight | None:
    """Return what was seen of a postmaster that answered nobody and did nothing; None of one that lives.

    Silence alone does not tell a frozen server from a slow one: the kernel's word is asked before and after
    every connection.
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
