"""Waiting for a fact, with an end to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_SECONDS = 0.03


BUSY = 3
"""How many times longer things may take on a machine that runs two clusters, and others' work, at once."""


def until(
    fact: Callable[[], T],
    seconds: float = 20,
    why: Callable[[], object] = lambda: "",
    poll: float = POLL_SECONDS,
) -> T:
    """Ask until the answer is true, and give that answer; fails at last, saying why.

    `seconds` is what is enough on a machine that has nothing else to do; a busy one has `BUSY` times that.
    """
    return within(fact, BUSY * seconds, why, poll)


def within(
    fact: Callable[[], T],
    seconds: float,
    why: Callable[[], object] = lambda: "",
    poll: float = POLL_SECONDS,
) -> T:
    """Do the same with a limit that is a promise: what comes later is wrong, however busy the machine."""
    end = time.monotonic() + seconds
    while not (answer := fact()):
        if time.monotonic() > end:
            raise AssertionError(f"not true after {seconds:g} s; {why()}")
        time.sleep(poll)
    return answer
