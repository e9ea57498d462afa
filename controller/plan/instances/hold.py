"""Why an action that was requested, or would help, is not done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason against an action, worded for users."""

    reason: str
