"""What makes one run differ from the next: clocks and randomness. `__main__` gives the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from controller.certificates.pki import Entropy


@dataclass(frozen=True, slots=True)
class Outside:
    """The four that a process takes from outside."""

    now: Callable[[], datetime]
    """The time of day, with its zone."""
    clock: Callable[[], float]
    """Seconds of a clock that nobody sets."""
    random: Callable[[], float]
    """From 0 up to 1; for what must not happen to all at once."""
    entropy: Entropy
    """Random bytes, for secrets."""
