"""How a reconcile ends: `Done | Waiting(after) | Stalled(reason)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Done:
    """The world is as declared; `after` names seconds where a moment is known at which more is due."""

    reason: str = "Ready"
    message: str = "All resources are in the desired state"
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is under way; look again after so many seconds at the latest (events come sooner)."""

    after: float
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Stalled:
    """A person must act; only a change of the object or of what it names wakes it again.

    `after` names seconds where more than that counts: no watch tells of a stranger's object, and the spec
    that was accepted before is kept meanwhile.
    """

    reason: str
    message: str
    after: float | None = None


Outcome: TypeAlias = Done | Waiting | Stalled
