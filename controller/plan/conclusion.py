"""How a reconcile ends: the one place where its outcome is decided.

After a failure that the API server may not repeat, and after an unexpected one, the queue decides when to try
again (`watches/queue.py`); `after` counts for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias

from controller.kube.answers import KubeError, Refused
from controller.plan.actions import Apply, DeletePod, Discard
from controller.plan.conflicts import REFUSED_SECONDS, Refusal, WriteHistory
from controller.plan.instances.creation import kept
from controller.plan.interruption import Declined, Interruption, Overtaken
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.plan.upgrade import Choice, awake
from controller.plan.validation import Decision

GONE: Final = Done("Gone", "The object is gone")
"""Where there is no object any more."""
_FIRST_REPORT_SECONDS = 1.0
"""Seconds after which a new database gets its first status, unless an event triggers a reconcile earlier."""


@dataclass(frozen=True, slots=True)
class Course:
    """What happened in a reconcile, as far as its outcome depends on it."""

    decision: Decision
    choice: Choice | None = None
    """The image; None where there is none to choose."""
    planned: Outcome | None = None
    """What the plan waits for; None when it did not come to a plan."""
    writes: WriteHistory = field(default_factory=WriteHistory)
    refused: tuple[Refusal, ...] = ()
    """What the API server refused now."""
    failure: Exception | None = None
    """What ended the reconcile early."""
    look: datetime | None = None
    """When to look into the server again."""
    unreported: bool = False
    """Whether the database was just created: what there is to report comes within a moment."""


_Rule: TypeAlias = Callable[[Course, datetime], Outcome | None]


def conclude(course: Course, now: datetime) -> Outcome:
    """Return the outcome: what the first rule says that applies, with the complaints about the spec first.

    A refused spec is reported whatever else there is; the one that was accepted before stays in force, and
    its outcome says when to look again.
    """
    told = next(outcome for rule in _RULES if (outcome := rule(course, now)) is not None)
    outcome = _no_later(awake(told, course.choice, now) if course.choice else told, course.look, now)
    if course.unreported and isinstance(outcome, Waiting):
        outcome = replace(outcome, after=_FIRST_REPORT_SECONDS)
    complaints = "; ".join(map(str, course.decision.violations))
    return Stalled("Refused", complaints, after=outcome.after) if complaints else outcome


def conclude_early(failure: Exception) -> Outcome:
    """Return the outcome of a reconcile that ended before anything was known of the database.

    Nothing was written then: what is refused is a request to read, and is tried again.
    """
    return _unanswered(failure) if isinstance(failure, KubeError) else _ended_by(failure)


def conclude_deletion(planned: Outcome | None, failure: Exception | None = None) -> Outcome:
    """Return the outcome of a deletion: what is waited for, unless a failure came before.

    `planned` is None where the live object turned out not to be deleted, or to be another.
    """
    if failure is not None:
        return _ended_by(failure)
    return planned or Waiting(2, "Deleting", "the object changed; looking again")


def _no_later(outcome: Outcome, look: datetime | None, now: datetime) -> Outcome:
    """Return the outcome, with a reconcile no later than that, whatever else is waited for."""
    if look is None:
        return outcome
    seconds = max((look - now).total_seconds(), 1.0)
    return replace(outcome, after=seconds if outcome.after is None else min(outcome.after, seconds))


def _write_refused(refusal: Refused) -> Stalled:
    """Report a write that the API server refuses, in its words."""
    return Stalled("WriteRefused", str(refusal), after=REFUSED_SECONDS)


def _unreadable(course: Course, _: datetime) -> Outcome | None:
    return Stalled("Refused", "the object cannot be read") if course.decision.db is None else None


def _failed(course: Course, _: datetime) -> Outcome | None:
    return _ended_by(course.failure) if course.failure is not None else None


def _ended_by(failure: Exception) -> Outcome:
    match failure:
        case Refused() as refusal:
            return _write_refused(refusal)
        case Declined() as refusal:
            return Waiting(5, "PatroniDeclined", str(refusal))
        case Overtaken() as change:
            return Waiting(1, "Reconciling", str(change))
        case KubeError() | Interruption() as error:
            return _unanswered(error)
        case error:
            # Not its text: it can hold anything, a password too.
            message = (
                f"an error of keddah's own ({type(error).__name__}), see the controller's log; trying again"
            )
            return Waiting(5, "InternalError", message)


def _unanswered(error: KubeError | Interruption) -> Waiting:
    return Waiting(5, "Reconciling", f"trying again: {error}")


def _no_release(course: Course, _: datetime) -> Outcome | None:
    if course.choice is not None or course.decision.db is None:
        return None
    version = course.decision.db.spec.version
    return Stalled("VersionNotAllowed", f"the policy's catalogue has no version {version}")


def _planned(course: Course, now: datetime) -> Outcome:
    """Return what the plan waits for, or which writes are put off where that matters more."""
    assert course.planned is not None  # noqa: S101 - nothing failed, and there is an image
    for action, why in course.refused:
        if isinstance(action, DeletePod | Discard):
            return kept(action, why)
    outcome = course.writes.told(course.planned, now)
    others = "; ".join(why for action, why in course.refused if not isinstance(action, Apply))
    if others and isinstance(outcome, Done):
        return Stalled("WriteRefused", others, after=REFUSED_SECONDS)
    return outcome


_RULES: Final[tuple[_Rule, ...]] = (_unreadable, _failed, _no_release, _planned)
