"""What the controller adds to Patroni's failover. The election itself is Patroni's leader race.

Patroni's lock outlives its holder by up to `ttl` (20 s). When the kubelet of a Ready node reports that the
holder's container has terminated, nothing in it can write any more, and waiting for the lock to expire gains
nothing. In any doubt, wait.
"""

from __future__ import annotations

from datetime import timedelta

from controller.desired import names
from controller.observe.world import Instance, World
from controller.plan.actions import RelabelStandby, ReleaseLock, Switchover, Wake
from controller.plan.instances.hold import Hold
from controller.plan.instances.rollout import handover, uncounted

_SECOND = timedelta(seconds=1)  # the kubelet cuts the fractions of its times off


def remedy(world: World, scope: str) -> list[ReleaseLock | RelabelStandby]:
    """Return the actions that make writes possible again."""
    decided = release(world, scope)
    return [*([decided] if isinstance(decided, ReleaseLock) else []), *mislabelled(world)]


def release(world: World, scope: str) -> ReleaseLock | Hold:
    """Decide whether to release the lock of a dead primary.

    Only a termination that a live kubelet reports counts: a pod that is missing, or whose node is
    unreachable, may still run and write.
    """
    holder = next((i for i in world.instances if i.name == world.leadership.holder), None)
    hold = _doubt(world, holder)
    if hold is not None or holder is None:
        return Hold(hold or "nobody holds the lock")
    reason = f"its container has ended ({holder.ended}) on a Ready node"
    return ReleaseLock(holder.name, names.lock(scope), world.leadership.lock_version, reason)


def _doubt(world: World, holder: Instance | None) -> str | None:
    """Return the first reason against releasing the lock; None if there is none."""
    if holder is None:
        return "the lock's holder has no pod"
    if not holder.ended:
        return "its container runs"
    if world.leadership.paused:
        return "Patroni is paused: somebody works on the database by hand"
    if holder.shares_processes:
        return "the pod's containers share their processes: PostgreSQL may outlive its container"
    node = world.nodes.get(holder.node)
    if node is None or not node.ready:
        return "its node is not Ready, so what its kubelet said last may be over"
    if not _its_last_renewal(holder, world):
        return "the lock was not last renewed by the container that ended: another may run"
    successors = sum(_successor(instance, holder, world) for instance in world.instances)
    if successors <= world.leadership.quorum:
        return "no other instance is fit to take over"
    return None


def _its_last_renewal(holder: Instance, world: World) -> bool:
    """Whether the lock was last renewed by this pod, before its container terminated.

    The observed pod may be older than the observed lock: the container may have restarted and renewed the
    lock since. And a force-deleted pod may still run elsewhere under the same name. What happens after this
    check is covered by the lock's resourceVersion as precondition.
    """
    renewed, ended, started = world.leadership.renewed, holder.ended_at, holder.started_at
    if renewed is None or ended is None or started is None:
        return False
    return started <= renewed < ended + _SECOND


def _successor(instance: Instance, holder: Instance, world: World) -> bool:
    """Whether an instance may win the leader race: Patroni's own conditions, except the WAL position."""
    running = instance.state == "running" and not instance.deleting and not instance.ended
    eligible = world.leadership.eligible(instance.name)
    return instance.name != holder.name and running and instance.ready and eligible


def mislabelled(world: World) -> list[RelabelStandby]:
    """Return the pods that are labelled primary while another one holds the lock.

    A pod that is cut off from the API server cannot change its own label, and the Service would have two
    endpoints.
    """
    holder = world.leadership.holder
    taken = any(i.name == holder and i.role == "primary" for i in world.instances)
    if not taken:
        return []
    return [
        RelabelStandby(instance.name, f"{holder} holds the lock")
        for instance in world.instances
        if instance.role == "primary" and instance.name != holder
    ]


def primary_wakes(world: World) -> list[Wake]:
    """Make the primary update the list of synchronous standbys now, not only every `loop_wait` seconds.

    Otherwise commits wait for a dead standby if there is no other, and a standby that shuts down waits to be
    removed from the list. A streaming standby that is not on the list yet does not help if the primary dies:
    the next primary first relies on the standbys that were listed, and on the dead primary.
    """
    primary = world.primary
    if primary is None or primary.ended or not primary.ip or world.leadership.paused:
        return []
    there = {i.name for i in world.instances if not i.ended and not i.deleting}
    gone = sorted(world.leadership.synchronous - there)
    if gone:
        return [Wake(primary.name, primary.ip, f"{', '.join(gone)}: gone or stopping")]
    if new := uncounted(world):
        return [
            Wake(primary.name, primary.ip, f"{', '.join(new)}: streams, but is not a synchronous standby yet")
        ]
    return []


def evacuation(world: World) -> Switchover | None:
    """Return the switchover away from a node that is being drained, before the primary is evicted."""
    primary = world.primary
    if primary is None or not _cordoned(primary, world):
        return None
    reason = f"{primary.node} is cordoned or being drained"
    return handover(world, primary, lambda instance: not _cordoned(instance, world), reason)


def _cordoned(instance: Instance, world: World) -> bool:
    node = world.nodes.get(instance.node)
    return node is not None and node.cordoned
