"""Waiting for a fact, with an end to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_SECONDS = 0.03


def until(
    fact: Callable[[], T],
    seconds: float = 20,
    why: Callable[[], object] = lambda: "",
    poll: float = POLL_SECONDS,
) -> T:
    """Ask until the answer is true, and give that answer; fails after so many seconds, saying why."""
    end = time.monotonic() + seconds
    while not (answer := fact()):
        if time.monotonic() > end:
            raise AssertionError(f"not true after {seconds:g} s; {why()}")
        time.sleep(poll)
    return answer
