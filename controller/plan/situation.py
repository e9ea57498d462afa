"""What a plan is made from: the declared database, and what was observed of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from controller.kube.objects import Manifest
from controller.observe.backups.backups import Backups, backups
from controller.observe.state import ObservedState
from controller.plan.actions import Apply
from schemas.api.types import PostgreSQLDatabase

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The declared side: the accepted database, and what the policy adds to it."""

    db: PostgreSQLDatabase
    image: str
    secrets: tuple[Manifest, ...]
    operator_namespace: str
    accepted: str
    """The accepted spec as JSON, kept on the StatefulSet."""
    template: Manifest | None = None
    """The pod template, if it is not the one that this release makes of the spec."""
    repository_kept: bool = False
    """Whether the repository's server keeps the pod template that an earlier release made."""
    version: str | None = None
    """The release that the image holds, according to the policy."""
    uncertified: str = ""
    """Why the certificate of the declared issuer is not shown yet; "" if it is, or none is declared."""
    maximum: int = 1
    """The most replicas that the policy allows."""
    held: tuple[Apply, ...] = ()
    """Writes that are not tried now, because somebody reverts or refuses them: nothing waits for them."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What every component is asked about."""

    intent: Intent
    observed: ObservedState
    _answers: dict[Callable[[Situation], object], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, question: Callable[[Situation], _Answer]) -> _Answer:
        """Return the answer to a question that several steps ask, worked out the first time only."""
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: _Answer = self._answers[question]
        return answer

    @property
    def db(self) -> PostgreSQLDatabase:
        """The accepted database."""
        return self.intent.db

    @property
    def backups(self) -> Backups:
        """The backups, as runs and what is remembered of them tell."""
        return self.once(_backups)

    @property
    def name(self) -> str:
        """The database's name."""
        return self.intent.db.metadata.name


def _backups(situation: Situation) -> Backups:
    return backups(situation.observed, situation.name)
