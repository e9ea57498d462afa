"""Whether the servers are of the release that the policy says their image holds."""

from __future__ import annotations

from controller.observe.state import ObservedState
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.situation import Intent


def unexpected(intent: Intent, observed: ObservedState) -> Outcome | None:
    """Stop an image change at the first instance that reports another version than the policy says."""
    for name, reported in observed.moved.items():
        if reported is None:
            return Waiting(2, "RollingOut", f"{name} has not reported its version yet")
        if intent.version not in (None, reported):
            claim = f"the policy says that {intent.image} holds {intent.version}"
            return Stalled("VersionMismatch", f"{claim}; {name} reports {reported}, so no other pod gets it")
    return None


def mismatch(intent: Intent, observed: ObservedState) -> Outcome | None:
    """Report an image that holds another release than the policy says."""
    reported = observed.server_version
    if not reported or not intent.version or reported == intent.version:
        return None
    message = f"the policy says that {intent.image} holds {intent.version}; the server reports {reported}"
    return Stalled("VersionMismatch", message)
