"""Shortens Patroni's fixed sleep for a new primary: it ends as soon as there is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

FOLLOW_SECONDS = 2
"""How long Patroni sleeps (ha.py) for another member to take the lock, before it follows the new primary."""
LOOK_SECONDS = 0.05


class InterruptibleTime:
    """Replaces the module `time` in `patroni.ha`, to interrupt that sleep.

    With two instances, only the old primary can acknowledge the new primary's commits, so they wait as long
    as it sleeps.
    """

    def __init__(self, succeeded: Callable[[], bool]) -> None:
        self._succeeded = succeeded

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of `time`
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Sleep; the sleep for a new primary ends as soon as there is one."""
        if seconds != FOLLOW_SECONDS:
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._succeeded():
            time.sleep(LOOK_SECONDS)
