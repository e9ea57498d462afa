"""What Patroni waits with: no longer for a successor than until there is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SUCCESSION_SECONDS = 2
"""What Patroni gives others for taking the lock (ha.py) before it looks whom to follow."""
LOOK_SECONDS = 0.05


class Patience:
    """Stands for the module `time` in Patroni's rounds, whose sleep it cuts short.

    Between two instances nobody but the old primary can acknowledge the new one's commits, so that they
    wait for as long as it sleeps.
    """

    def __init__(self, succeeded: Callable[[], bool]) -> None:
        self._succeeded = succeeded

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else `time` has
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        """Sleep; for a successor, until there is one."""
        if seconds != SUCCESSION_SECONDS:
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._succeeded():
            time.sleep(LOOK_SECONDS)
