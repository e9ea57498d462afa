"""Deletes volumes on request, when their node or disk is lost for good and when that is safe.

The request is an annotation of the claim with the claim's UID as value. So it is void for a claim that is
created later under the same name, by the StatefulSet, from a backup or from a copied manifest.
"""

from __future__ import annotations

from controller.observe.instances.instance import Instance
from controller.observe.state import DISCARD, Claim, ObservedState
from controller.plan.actions import Discard
from controller.plan.instances.rebuild import trusted_primary
from controller.plan.outcome import Hold, Waiting

_ELSEWHERE = ("volume's node affinity", "volume node affinity")
"""The scheduler's messages for a volume that no node can reach (VolumeBinding), newer and older."""
_BACK_SOON = ("unschedulable", "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
"""Its messages for a node that exists, cordoned or unreachable, and that may be the volume's node."""


def discard(observed: ObservedState) -> Discard | None:
    """Return the deletion of one volume that was requested and is safe."""
    return next(
        (d for claim in _given_up(observed) if isinstance(d := decide(claim, observed), Discard)), None
    )


def kept(observed: ObservedState) -> Waiting | None:
    """Report a volume that is kept although its deletion was requested, and why."""
    for claim in _given_up(observed):
        if isinstance(decision := decide(claim, observed), Hold):
            return Waiting(10, "DiscardRefused", f"{claim.name} is kept: {decision.reason}")
    return None


def way_out(pod: str, message: str, observed: ObservedState) -> str:
    """Return the command that helps a pod whose volume is lost, as text to append to `message`; else ""."""
    claim = next((c for c in observed.claims if c.name.endswith(f"-{pod}") and not c.deleting), None)
    said = message.lower()
    gone = any(words in said for words in _ELSEWHERE) and not any(words in said for words in _BACK_SOON)
    if claim is None or not gone or _last_copy(claim, observed):
        return ""
    command = f"kubectl annotate pvc {claim.name} {DISCARD}={claim.uid}"
    return f"; if its node or disk is lost for good, run: {command}"


def decide(claim: Claim, observed: ObservedState) -> Discard | Hold:
    """Decide about a volume whose deletion was requested."""
    instance = next((i for i in observed.instances if i.ordinal == claim.ordinal), None)
    hold = _misunderstood(claim, observed) or _last_copy(claim, observed) or _needed(instance, observed)
    if hold:
        return Hold(hold)
    pod = (instance.name, instance.uid) if instance and not instance.deleting else ("", "")
    return Discard(claim.name, claim.uid, *pod, f"the annotation {DISCARD} asks for it")


def _given_up(observed: ObservedState) -> list[Claim]:
    """Return the annotated claims, less deleted ones without a scheduled pod: they go by themselves."""
    used = {i.ordinal for i in observed.instances if i.node and not i.deleting}
    return [c for c in observed.claims if c.discard and not (c.deleting and c.ordinal not in used)]


def _misunderstood(claim: Claim, observed: ObservedState) -> str | None:
    if claim.discard != claim.uid:
        return f"the value of the annotation {DISCARD} must be its UID, {claim.uid}"
    return "Patroni is paused" if observed.leadership.paused else None


def _last_copy(claim: Claim, observed: ObservedState) -> str | None:
    primary = trusted_primary(observed)
    if isinstance(primary, str):
        return primary
    if failed := _failed_source(observed):
        return failed
    return f"it belongs to the primary, {primary.name}" if claim.ordinal == primary.ordinal else None


def _failed_source(observed: ObservedState) -> str | None:
    """Say that the primary could not deliver a copy of itself: another may have the last good one."""
    failed = next((i.name for i in observed.instances if i.copy == "source-damaged"), None)
    if failed is None:
        return None
    return f"the primary could not deliver a whole copy to {failed}, so this may be the last good copy"


def _needed(instance: Instance | None, observed: ObservedState) -> str | None:
    """Say that the instance is the only standby that could be promoted."""
    if instance is None or not instance.fit:
        return None
    others = [i for i in observed.instances if i.fit and i.role == "standby" and i.name != instance.name]
    if any(observed.leadership.eligible(i.name) for i in others):
        return None
    return f"{instance.name} is the only standby that could take over"
