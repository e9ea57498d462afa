"""The next step of a deletion."""

from __future__ import annotations

from dataclasses import dataclass

from controller.plan.actions import Single
from controller.plan.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Ending:
    """What is done about a deleted database, and what it waits for."""

    actions: tuple[Single, ...]
    outcome: Outcome
