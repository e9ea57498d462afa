"""Clones a standby that cannot follow again from the primary. In any doubt its data is kept.

Patroni itself repairs a diverged timeline (pg_rewind) and an empty volume. All else is handled here, on the
following evidence:

* Removed WAL: the standby's log says so (`following` reads it), and nothing else does. Its replication slot
  does not: each failed request moves the slot back to the standby's position. A standby that cannot connect
  to its primary looks the same from outside; cloning would fail for the same reason.
* Damaged data: the server does not start, and says why in its log (`starting` reads it); or the member
  reports it (`member.DAMAGE`): its control file, or a rewind that failed. A server that does not start is
  no evidence by itself.

The member keeps the former data until the copy streams, where its volume has room (deploy/images/patroni).
"""

from __future__ import annotations

from controller.observe.instances.following import cannot_follow, not_starting
from controller.observe.instances.instance import Instance
from controller.observe.instances.pods import COPYING
from controller.observe.restore.past import SUPERSEDED
from controller.observe.state import ObservedState
from controller.plan.actions import Rebuild
from controller.plan.outcome import Hold, Waiting
from controller.protocol.member import COPIES, DAMAGE

REBUILD_AFTER_SECONDS = 60.0
"""Seconds without progress before a standby is cloned again, doubled with each rebuild of the same pod.

Rebuilds no longer count once the pod has been fit for an hour.
"""
_LONGEST = 6
_NO_PRIMARY = "there is no ready primary, so this may be the last good copy"


def rebuild(observed: ObservedState) -> Rebuild | Waiting | None:
    """Return the rebuild of one standby, or why it has to wait, or None while no standby is stuck.

    A standby whose server does not start for another reason than its data is not stuck: its trouble tells,
    and a new template or other parameters may help.
    """
    stuck = [i for i in observed.instances if cannot_follow(i, observed) and not _intact(i, observed)]
    decided = [(instance, decide(instance, observed)) for instance in stuck]
    for _, decision in decided:
        if isinstance(decision, Rebuild):
            return decision
    for instance, hold in decided:
        if isinstance(hold, Hold):
            reason = "RebuildingStandby" if instance.superseded else "StandbyCannotFollow"
            return Waiting(10, reason, f"{instance.name}: {hold.reason}")
    return None


def told_of_copies(observed: ObservedState) -> str:
    """Return what there is to say of copies under way, as text to append to a message; else ""."""
    cramped = [i.name for i in observed.instances if i.state == COPYING and i.copy == "no-room"]
    return f"; {', '.join(cramped)} is cloned: {COPIES['no-room']}" if cramped else ""


def trusted_primary(observed: ObservedState) -> Instance | str:
    """Return the primary if it has every acknowledged commit; else why it may not, so that no data may go."""
    primary, last = observed.primary, observed.leadership.last_primary
    if primary is None or not primary.fit:
        return _NO_PRIMARY
    if not observed.reports(primary.node):
        return f"the primary's node {primary.node} is not Ready, so this may be the last good copy"
    if last not in (None, primary.name):
        return f"{last} acknowledged the newest commits, and {primary.name} has not taken over from it yet"
    return primary


def decide(standby: Instance, observed: ObservedState) -> Rebuild | Hold:
    """Decide about a standby that cannot follow."""
    hold = _last_copy(standby, observed) or _busy(standby, observed)
    if hold:
        return Hold(hold)
    proof = _evidence(standby, observed)
    if isinstance(proof, Hold):
        return proof
    seconds, required = (
        observed.idle.get(standby.uid, 0.0),
        REBUILD_AFTER_SECONDS * 2 ** min(_copies(standby, observed), _LONGEST),
    )
    if seconds < required:
        failed = f"; the last copy failed: {COPIES[standby.copy]}" if standby.copy in COPIES else ""
        return Hold(f"{proof}{failed}; it is cloned again after {required:.0f} s without progress")
    return Rebuild(standby.name, standby.uid, standby.ip, standby.rebuilds + 1, proof)


def _last_copy(standby: Instance, observed: ObservedState) -> str | None:
    """Say why the standby may hold the last good copy."""
    if observed.primary is not None and observed.primary.state != "running":
        return _NO_PRIMARY
    primary = trusted_primary(observed)
    if isinstance(primary, str):
        return primary
    return _ahead(standby, primary)


def _ahead(standby: Instance, primary: Instance) -> str | None:
    """Say that the standby is, or may be, ahead of the primary.

    How far a server got that does not run is not known. Then its data goes only because it is useless.
    """
    if not primary.timeline or not primary.position:
        return f"{primary.name} has not reported how far it is"
    runs = standby.state == "running" and not standby.damage
    if runs and (standby.timeline is None or standby.position is None):
        return "how far it has got is not known"
    if (standby.timeline or 0) > primary.timeline or (standby.position or 0) > primary.position:
        return f"it is ahead of {primary.name} and may have the only copy of WAL, so a person must decide"
    return None


def _busy(standby: Instance, observed: ObservedState) -> str | None:
    """Say what has to end first."""
    if observed.leadership.paused:
        return "Patroni is paused"
    if not observed.reports(standby.node):
        return f"its node {standby.node} is not Ready, so its last reported state may be outdated"
    others = (i for i in observed.instances if i.name != standby.name)
    copied = next((i.name for i in others if _being_copied(i, observed)), None)
    return f"{copied} is being cloned first, one at a time" if copied else None


def _being_copied(instance: Instance, observed: ObservedState) -> bool:
    """Whether cloning is under way, or was requested and has made progress of late."""
    idle = observed.idle.get(instance.uid, 0.0)
    asked = _copies(instance, observed) > 0 and not instance.fit and idle < REBUILD_AFTER_SECONDS
    return instance.state == COPYING or asked


def _copies(instance: Instance, observed: ObservedState) -> int:
    """Count the rebuilds of a pod that still count."""
    return max(0, instance.rebuilds - observed.forgiven.get(instance.uid, 0))


def _intact(instance: Instance, observed: ObservedState) -> bool:
    """Whether a server does not start, and nothing says that its data is damaged."""
    return not_starting(instance) and not instance.damage and instance.uid not in observed.damaged


def _evidence(standby: Instance, observed: ObservedState) -> str | Hold:
    """Say why the standby's data is useless."""
    if standby.superseded:
        return SUPERSEDED
    if standby.damage in DAMAGE:
        return DAMAGE[standby.damage]
    if not_starting(standby):
        words = observed.damaged.get(standby.uid)
        return (
            f"its data is damaged: {words}" if words else Hold("its server does not start; its data is kept")
        )
    if standby.uid not in observed.without_wal:
        return Hold("it does not stream, and its log does not say that WAL is missing; read its log")
    return "it needs WAL that the primary has removed"
