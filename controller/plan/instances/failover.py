"""What the controller adds to Patroni's failover; it elects nobody, the standbys run Patroni's own race.

Patroni's lock outlives its holder by up to `ttl` (20 s). When the kubelet of a Ready node says that the
holder's container has ended, nothing in it can write any more, and waiting for the lock to run out wins
nothing. Every doubt means waiting.
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
    """Return what brings writes back at once."""
    decided = release(world, scope)
    return [*([decided] if isinstance(decided, ReleaseLock) else []), *mislabelled(world)]


def release(world: World, scope: str) -> ReleaseLock | Hold:
    """Decide whether the lock is taken from its holder.

    Only an end that a live kubelet reports counts: a pod that is missing, or on a node that is not heard of,
    may still run and write.
    """
    holder = next((i for i in world.instances if i.name == world.leadership.holder), None)
    hold = _doubt(world, holder)
    if hold is not None or holder is None:
        return Hold(hold or "nobody holds the lock")
    reason = f"its container has ended ({holder.ended}) on a Ready node"
    return ReleaseLock(holder.name, names.lock(scope), world.leadership.lock_version, reason)


def _doubt(world: World, holder: Instance | None) -> str | None:
    """Return the first doubt; the order is that of the cheapest to the rarest."""
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
    """Whether the lock was last renewed before the end that was seen, and in the life of this pod.

    What is seen of the pod may be older than what is seen of the lock: its container may have been started
    again, and renewed the lock. And a pod that was deleted by force may still run elsewhere, under the name
    of the one that ended. The lock's version as precondition guards what comes after.
    """
    renewed, ended, started = world.leadership.renewed, holder.ended_at, holder.started_at
    if renewed is None or ended is None or started is None:
        return False
    return started <= renewed < ended + _SECOND


def _successor(instance: Instance, holder: Instance, world: World) -> bool:
    """Whether an instance may win the race: Patroni asks the same, and then compares positions."""
    running = instance.state == "running" and not instance.deleting and not instance.ended
    eligible = world.leadership.eligible(instance.name)
    return instance.name != holder.name and running and instance.ready and eligible


def mislabelled(world: World) -> list[RelabelStandby]:
    """Return the pods that the Service must not lead to: labelled primary, while another holds the lock.

    A pod that is cut off cannot change its own label, and the Service would have two targets.
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


def wakings(world: World) -> list[Wake]:
    """Have the primary look at its standbys at once: it does so only every `loop_wait` seconds.

    Commits wait for a standby that is dead where no other is left, and one that ends in good order waits to
    be let go. One that follows and is not counted on yet is of no use when the primary dies: whoever takes
    over counts on those that the dead one counted on, and on the dead one.
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
    """Return the switchover away from a node that is being emptied, before the primary is evicted."""
    primary = world.primary
    if primary is None or not _cordoned(primary, world):
        return None
    reason = f"{primary.node} is cordoned or being drained"
    return handover(world, primary, lambda instance: not _cordoned(instance, world), reason)


def _cordoned(instance: Instance, world: World) -> bool:
    node = world.nodes.get(instance.node)
    return node is not None and node.cordoned
