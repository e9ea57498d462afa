"""Pods that Kubernetes does not create: what is said of them, and who is asked to try again."""

from __future__ import annotations

from dataclasses import replace

from controller.observe.state import ObservedState
from controller.plan.actions import DeletePod, Discard, RetryPods
from controller.plan.outcome import Outcome, Stalled

AGAIN_SECONDS = 5.0
"""After which a pod is tried again that could not be created anew, and so was kept."""


def not_created(observed: ObservedState) -> Stalled | None:
    """Report pods that a quota, a rule or a webhook refuses, in the API server's words."""
    creation = observed.creation
    if not creation.refusal:
        return None
    message = f"{', '.join(creation.missing)} cannot be created: {creation.refusal}"
    return Stalled("PodsNotCreated", message, after=creation.again)


def kept(step: DeletePod | Discard, words: str) -> Stalled:
    """Report a pod that is not deleted, since its successor could not be created."""
    pod = step.name if isinstance(step, DeletePod) else step.pod
    message = f"{pod} is kept ({step.reason}), for its successor could not be created: {words}"
    return Stalled("PodsNotCreated", message, after=AGAIN_SECONDS)


def retries(observed: ObservedState, name: str) -> list[RetryPods]:
    """Wake the StatefulSet's controller, which would try again after minutes only."""
    creation = observed.creation
    missing = ", ".join(creation.missing)
    return [RetryPods(name, creation.retry, f"{missing} could not be created")] if creation.retry else []


def soon(outcome: Outcome, observed: ObservedState) -> Outcome:
    """Look again soon while pods are missing: no watch tells that they are not created."""
    again = observed.creation.again
    if again is None or (outcome.after is not None and outcome.after <= again):
        return outcome
    return replace(outcome, after=again)
