"""Clones a standby that cannot follow again from the primary. In any doubt its data is kept.

Patroni itself repairs a diverged timeline (pg_rewind, or a new clone when that fails) and an empty volume.
It never repairs a standby whose WAL the primary has removed, nor one whose data no server starts from. These
two are handled here, on the following evidence:

* Removed WAL: the standby's log says so (`following` reads it), and nothing else does. Its replication slot
  does not: each failed request moves the slot back to the standby's position. A standby that cannot connect
  to its primary looks the same from outside; cloning would fail for the same reason, and lose its data.
* Damaged data: the server does not start, although the primary runs with the same template and parameters.
"""

from __future__ import annotations

from controller.observe.following import cannot_follow, not_starting
from controller.observe.world import Instance, World
from controller.plan.actions import Rebuild
from controller.plan.instances.copies import NO_PRIMARY, trusted_primary
from controller.plan.instances.hold import Hold
from controller.plan.outcome import Waiting

REBUILD_AFTER_SECONDS = 60.0
"""Seconds without progress before a standby is cloned again, doubled with each rebuild of the same pod.

Rebuilds no longer count once the pod has been fit for an hour.
"""
_LONGEST = 6
_COPYING = "creating replica"


def rebuild(world: World) -> Rebuild | Waiting | None:
    """Return the rebuild of one standby, or why it has to wait, or None while no standby is stuck."""
    stuck = [instance for instance in world.instances if cannot_follow(instance, world)]
    decided = [(instance, judge(instance, world)) for instance in stuck]
    for _, decision in decided:
        if isinstance(decision, Rebuild):
            return decision
    for instance, hold in decided:
        if isinstance(hold, Hold):
            return Waiting(10, "StandbyCannotFollow", f"{instance.name}: {hold.reason}")
    return None


def judge(standby: Instance, world: World) -> Rebuild | Hold:
    """Decide about a standby that cannot follow."""
    hold = _last_copy(standby, world) or _busy(standby, world)
    if hold:
        return Hold(hold)
    proof = _broken(standby, world) if not_starting(standby) else _wal_is_gone(standby, world)
    if isinstance(proof, Hold):
        return proof
    seconds, required = (
        world.idle.get(standby.uid, 0.0),
        REBUILD_AFTER_SECONDS * 2 ** min(_copies(standby, world), _LONGEST),
    )
    if seconds < required:
        return Hold(f"{proof}; it is cloned again after {required:.0f} s without progress")
    return Rebuild(standby.name, standby.uid, standby.ip, standby.rebuilds + 1, proof)


def _last_copy(standby: Instance, world: World) -> str | None:
    """Say why the standby may hold the last good copy."""
    if world.primary is not None and world.primary.state != "running":
        return NO_PRIMARY
    primary = trusted_primary(world)
    if isinstance(primary, str):
        return primary
    if standby.timeline > primary.timeline or standby.position > primary.position:
        return f"it is ahead of {primary.name} and may have the only copy of WAL, so a person must decide"
    return None


def _busy(standby: Instance, world: World) -> str | None:
    """Say what has to end first."""
    if world.leadership.paused:
        return "Patroni is paused"
    node = world.nodes.get(standby.node)
    if node is None or not node.ready:
        return f"its node {standby.node} is not Ready, so its last reported state may be outdated"
    copied = next((i.name for i in world.instances if _being_copied(i, world)), None)
    return f"{copied} is being cloned first, one at a time" if copied else None


def _being_copied(instance: Instance, world: World) -> bool:
    """Whether cloning is under way, or was requested and has made progress of late."""
    idle = world.idle.get(instance.uid, 0.0)
    asked = _copies(instance, world) > 0 and not instance.fit and idle < REBUILD_AFTER_SECONDS
    return instance.state == _COPYING or asked


def _copies(instance: Instance, world: World) -> int:
    """Count the rebuilds of a pod that still count."""
    return max(0, instance.rebuilds - world.forgiven.get(instance.uid, 0))


def _wal_is_gone(standby: Instance, world: World) -> str | Hold:
    if standby.uid not in world.without_wal:
        return Hold("it does not stream, and its log does not say that WAL is missing; read its log")
    return "it needs WAL that the primary has removed"


def _broken(standby: Instance, world: World) -> str | Hold:
    """Say why no server starts from the data; not while it may be for parameters that were just reverted."""
    late = [i.name for i in (world.primary, standby) if i is not None and world.outdated(i)]
    if late:
        return Hold(f"its server does not start, and {late[0]} has not applied the newest configuration yet")
    if world.primary is not None and world.primary.pending_restart is not None:
        return Hold(
            "its server does not start, and the primary has not restarted with the newest parameters yet"
        )
    return "its server does not start with the primary's template and parameters, so its data is damaged"
