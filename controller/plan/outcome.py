"""How a reconcile ends: `Done | Waiting(after) | Stalled(reason)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Done:
    """The database is as declared. `after`: seconds until more is known to be due."""

    reason: str = "Ready"
    message: str = "All resources are in the desired state"
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is under way; reconcile again after at most `after` seconds (events trigger it earlier)."""

    after: float
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Stalled:
    """A person must act; only a change of the object, or of what it refers to, triggers a reconcile.

    `after` is set where that is not enough: no watch covers objects of other owners, and the spec that was
    accepted before is still being reconciled.
    """

    reason: str
    message: str
    after: float | None = None


Outcome: TypeAlias = Done | Waiting | Stalled


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason against an action, worded for users."""

    reason: str
