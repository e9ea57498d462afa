"""What the controller adds to Patroni's failover. The election itself is Patroni's leader race.

Patroni's lock outlives its holder by up to `ttl` (20 s). When the kubelet of a Ready node reports that the
holder's container has terminated, nothing in it can write any more, and waiting for the lock to expire gains
nothing. In any doubt, wait.
"""

from __future__ import annotations

from controller.desired import names
from controller.observe.instances.instance import Instance
from controller.observe.state import ObservedState
from controller.plan.actions import RelabelStandby, ReleaseLock, Switchover, TriggerLoop
from controller.plan.instances.rollout import handover, uncounted
from controller.plan.outcome import Hold
from controller.protocol.member import last_renewed_by


def remedy(observed: ObservedState, scope: str) -> list[ReleaseLock | RelabelStandby]:
    """Return the actions that make writes possible again."""
    decided = release(observed, scope)
    return [*([decided] if isinstance(decided, ReleaseLock) else []), *mislabelled(observed)]


def release(observed: ObservedState, scope: str) -> ReleaseLock | Hold:
    """Decide whether to release the lock of a dead primary.

    Only a termination that a live kubelet reports counts: a pod that is missing, or whose node is
    unreachable, may still run and write.
    """
    holder = next((i for i in observed.instances if i.name == observed.leadership.holder), None)
    hold = _doubt(observed, holder)
    if hold is not None or holder is None:
        return Hold(hold or "nobody holds the lock")
    reason = f"its container has ended ({holder.ended}) on a Ready node"
    return ReleaseLock(holder.name, names.lock(scope), observed.leadership.lock_version, reason)


def _doubt(observed: ObservedState, holder: Instance | None) -> str | None:
    """Return the first reason against releasing the lock; None if there is none."""
    if holder is None:
        return "the lock's holder has no pod"
    if not holder.ended:
        return "its container runs"
    if observed.leadership.paused:
        return "Patroni is paused: somebody works on the database by hand"
    if holder.shares_processes:
        return "the pod's containers share their processes: PostgreSQL may outlive its container"
    if not observed.reports(holder.node):
        return "its node is not Ready, so what its kubelet said last may be over"
    if not _its_last_renewal(holder, observed):
        return "the lock was not last renewed by the container that ended: another may run"
    successors = sum(_successor(instance, holder, observed) for instance in observed.instances)
    if successors <= observed.leadership.quorum:
        return "no other instance is fit to take over"
    return None


def _its_last_renewal(holder: Instance, observed: ObservedState) -> bool:
    """Whether the lock was last renewed by this pod, before its container terminated.

    The observed pod may be older than the observed lock: the container may have restarted and renewed the
    lock since. And a force-deleted pod may still run elsewhere under the same name. What happens after this
    check is covered by the lock's resourceVersion as precondition.
    """
    return last_renewed_by(holder.started_at, observed.leadership.renewed, holder.ended_at)


def _successor(instance: Instance, holder: Instance, observed: ObservedState) -> bool:
    """Whether an instance may win the leader race: Patroni's own conditions, except the WAL position."""
    running = instance.state == "running" and not instance.deleting and not instance.ended
    eligible = observed.leadership.eligible(instance.name)
    return instance.name != holder.name and running and instance.ready and eligible


def mislabelled(observed: ObservedState) -> list[RelabelStandby]:
    """Return the pods that are labelled primary while another one holds the lock.

    A pod that is cut off from the API server cannot change its own label, and the Service would have two
    endpoints.
    """
    holder = observed.leadership.holder
    taken = any(i.name == holder and i.role == "primary" for i in observed.instances)
    if not taken:
        return []
    return [
        RelabelStandby(instance.name, f"{holder} holds the lock")
        for instance in observed.instances
        if instance.role == "primary" and instance.name != holder
    ]


def loop_triggers(observed: ObservedState) -> list[TriggerLoop]:
    """Make the primary update the list of synchronous standbys now, not only every `loop_wait` seconds.

    Otherwise commits wait for a dead standby if there is no other, and a standby that shuts down waits to be
    removed from the list. A streaming standby that is not on the list yet does not help if the primary dies:
    the next primary first relies on the standbys that were listed, and on the dead primary.
    """
    primary = observed.primary
    if primary is None or primary.ended or not primary.ip or observed.leadership.paused:
        return []
    there = {i.name for i in observed.instances if not i.ended and not i.deleting}
    gone = sorted(observed.leadership.synchronous - there)
    if gone:
        return [
            TriggerLoop(
                primary.name,
                primary.ip,
                f"waiting until no commit waits for {', '.join(gone)}, gone or stopping",
            )
        ]
    if new := uncounted(observed):
        return [TriggerLoop(primary.name, primary.ip, f"waiting until commits wait for {', '.join(new)} too")]
    return []


def evacuation(observed: ObservedState) -> Switchover | None:
    """Return the switchover away from a node that is being drained, before the primary is evicted."""
    primary = observed.primary
    if primary is None or not _cordoned(primary, observed):
        return None
    reason = f"{primary.node} is cordoned or being drained"
    return handover(observed, primary, lambda instance: not _cordoned(instance, observed), reason)


def _cordoned(instance: Instance, observed: ObservedState) -> bool:
    return observed.cordoned(instance.node)
