"""Clocks and random sources, injected: only `__main__` creates the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from controller.certificates.pki import Entropy


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Clocks and random sources of one process."""

    now: Callable[[], datetime]
    """The wall clock, with its time zone."""
    clock: Callable[[], float]
    """A monotonic clock, in seconds."""
    random: Callable[[], float]
    """A random number from 0 to below 1, for jitter."""
    entropy: Entropy
    """Cryptographically random bytes, for secrets."""
