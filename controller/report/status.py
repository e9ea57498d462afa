"""The status of a database: a pure function of the last status, the observed state and the outcome."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from controller.kube.objects import Manifest
from controller.observe.state import ObservedState
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.upgrade import Choice
from controller.report.access import ACCESS
from controller.report.archiving import ARCHIVING
from controller.report.backups import BACKUPS
from controller.report.finding import Finding, StatusComponent, Subject
from controller.report.instances import INSTANCES, ready
from controller.report.monitoring import MONITORING
from controller.report.requests import REQUESTS
from schemas.api.types import PostgreSQLDatabase, decode

_LONGEST = 32_000
"""Characters of a message: a condition with more is refused, and with it the whole status (metav1)."""
_WORDS = {True: "True", False: "False", None: "Unknown"}


COMPONENTS: Final[tuple[StatusComponent, ...]] = (
    INSTANCES,
    BACKUPS,
    ARCHIVING,
    ACCESS,
    MONITORING,
    REQUESTS,
)
"""In the order of their conditions."""


def status(
    db: PostgreSQLDatabase,
    observed: ObservedState,
    outcome: Outcome,
    choice: Choice | None = None,
    *,
    validated: bool,
    now: str,
    components: tuple[StatusComponent, ...] = COMPONENTS,
) -> dict[str, Any]:
    """Return the whole status to store.

    `choice` is the image that was chosen, None where none could be. `validated` tells whether this
    generation was fully validated: only then does observedGeneration move.
    `now` (RFC 3339) is used for conditions whose status changed, and nowhere else, so that an unchanged
    state gives an equal status.
    """
    subject, before = Subject(db, observed, outcome, choice), db.status
    findings = [
        ready(subject),
        Finding("Reconciling", isinstance(outcome, Waiting), outcome.reason, outcome.message),
        Finding("Stalled", isinstance(outcome, Stalled), outcome.reason, outcome.message),
        *(finding for component in components for finding in component.findings(subject)),
    ]
    fields: dict[str, Any] = {
        "conditions": [_stamped(finding, db, now) for finding in findings],
        "observedGeneration": db.metadata.generation if validated else before.observed_generation,
    }
    for component in components:
        fields |= component.fields(subject)
    return {name: value for name, value in fields.items() if value is not UNSET}


def unobserved(manifest: Manifest, outcome: Outcome, *, now: str) -> Manifest:
    """Return the status of a database that could not be observed: as before, but for what is under way."""
    db, before = decode({**manifest, "spec": {}}), manifest.get("status") or {}
    findings = [
        Finding("Reconciling", isinstance(outcome, Waiting), outcome.reason, outcome.message),
        Finding("Stalled", isinstance(outcome, Stalled), outcome.reason, outcome.message),
    ]
    if db.status.condition("Ready") is None:
        findings.insert(0, Finding("Ready", None, outcome.reason, outcome.message))
    told = {finding.type: _stamped(finding, db, now) for finding in findings}
    kept = [told.pop(each["type"], each) for each in before.get("conditions") or []]
    return {**before, "conditions": [*kept, *told.values()]}


def _stamped(finding: Finding, db: PostgreSQLDatabase, now: str) -> dict[str, Any]:
    truth = _WORDS[finding.holds]
    last = db.status.condition(finding.type)
    since = last.last_transition_time if last and last.status == truth else now
    return {
        "type": finding.type,
        "status": truth,
        "reason": finding.reason,
        "message": finding.message[:_LONGEST],
        "lastTransitionTime": since,
        "observedGeneration": db.metadata.generation,
    }
