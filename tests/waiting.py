"""Waiting for a fact, with an end to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from tests.machine import crowded

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_SECONDS = 0.03


BUSY = 3
"""How many times longer things may take on a machine that runs two clusters, and others' work, at once."""
CROWDED = 2
"""How many times longer than that on one that is crowded besides."""


def until(
    fact: Callable[[], T],
    seconds: float = 20,
    why: Callable[[], object] = lambda: "",
    poll: float = POLL_SECONDS,
) -> T:
    """Ask until the answer is true, and give that answer; fails at last, saying why.

    `seconds` is what is enough on a machine that has nothing else to do; a busy one has `BUSY` times that,
    and as much again for as long as it is crowded.
    """
    return _within(fact, BUSY * seconds, CROWDED * BUSY * seconds, why, poll)


def within(
    fact: Callable[[], T],
    seconds: float,
    why: Callable[[], object] = lambda: "",
    poll: float = POLL_SECONDS,
) -> T:
    """Do the same with a limit that is a promise: what comes later is wrong, however busy the machine."""
    return _within(fact, seconds, seconds, why, poll)


def _within(fact: Callable[[], T], seconds: float, most: float, why: Callable[[], object], poll: float) -> T:
    began = time.monotonic()
    while not (answer := fact()):
        waited = time.monotonic() - began
        if waited > most or (waited > seconds and not crowded()):
            raise AssertionError(f"not true after {waited:.3g} s; {why()}")
        time.sleep(poll)
    return answer
