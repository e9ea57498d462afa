"""Shortens Patroni's fixed sleeps, in which nobody can write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

FOLLOW_SECONDS = 2
"""How long Patroni sleeps (ha.py) for another member to take the lock, before it follows the new primary."""
CATCH_UP_SECONDS = 1
CAUGHT_UP_SECONDS = 0.25
"""How long Patroni gives standbys to receive the shutdown checkpoint of a stopping primary, and how long it
takes them unless they are far behind: then a second does not help either."""
LOOK_SECONDS = 0.05


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
