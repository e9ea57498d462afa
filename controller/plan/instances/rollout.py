"""The one disruptive step of a reconcile: which instance is restarted next, or why none is.

Standbys go first, one at a time, each ready and streaming again before the next. The primary goes last, after
a switchover to a standby that is already updated. A new pod that does not become ready stops the rollout, so
a broken template never costs a second good pod, nor does an image of another release than the policy says.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.observe.instances.editions import newest_revision
from controller.observe.instances.instance import Instance
from controller.observe.instances.pods import BESIDE, lingering
from controller.observe.state import ObservedState, ordinal
from controller.plan.actions import DeletePod, Disruption, RestartPostgres, Switchover
from controller.plan.outcome import Outcome, Stalled, Waiting
from controller.plan.situation import Intent
from schemas.postgresql.parameters.check import STANDBY_SENSITIVE
from schemas.postgresql.parameters.values import whole_number

Step = Disruption | Waiting | None

_PASSING = frozenset({"InstanceFailing", "ServerNotStarting", *BESIDE})
"""Troubles that may end by themselves: a crashed container is restarted."""
_UNSEEN = (
    "waiting for Kubernetes to take up the latest change of the pods; if this lasts, kube-controller-manager"
    " does not run"
)
"""Until its StatefulSet controller has seen the newest template, nobody knows which pods are outdated."""


def candidate(observed: ObservedState, accept: Callable[[Instance], bool]) -> Instance | None:
    """Return the most advanced accepted standby that could be promoted without losing a commit.

    One whose disk is full only if there is no other.
    """
    fit = [
        instance
        for instance in observed.instances
        if instance.fit
        and instance.role == "standby"
        and not instance.restarting
        and observed.leadership.eligible(instance.name)
        and accept(instance)
    ]
    return max(fit, key=_aptitude, default=None)


def _aptitude(instance: Instance) -> tuple[bool, int, int]:
    known = -1 if instance.position is None else instance.position
    return not instance.disk_full, known, -instance.ordinal


def uncounted(observed: ObservedState) -> list[str]:
    """Return the streaming standbys that are not synchronous standbys yet."""
    lead = observed.leadership
    if lead.last_primary is None:  # replication is not synchronous
        return []
    return [
        i.name for i in observed.instances if i.role == "standby" and i.fit and i.name not in lead.synchronous
    ]


def handover(
    observed: ObservedState, primary: Instance, accept: Callable[[Instance], bool], reason: str
) -> Switchover | None:
    """Return the switchover to an accepted standby; None while none is fit, or one is not synchronous yet.

    A new primary first waits for the standbys that were synchronous, and for the old primary, which is away
    for seconds (Patroni 4.1, ha.py, process_sync_replication_prepromote).
    A candidate is named only if not every standby is accepted: with one named, Patroni's other standbys
    sleep for 2 s before they follow the new primary (Patroni 4.1, ha.py, process_unhealthy_cluster), and
    with quorum commit no commit is acknowledged before one of them does.
    """
    target = candidate(observed, accept)
    if target is None or uncounted(observed):
        return None
    standbys = [instance for instance in observed.instances if instance.name != primary.name]
    name = None if all(map(accept, standbys)) else target.name
    return Switchover(primary.name, name, primary.ip, target.ip, reason)


def restarting(observed: ObservedState) -> Waiting | None:
    """Wait while a server restarts that was asked to: it may not be back yet, whatever its pod says."""
    names = ", ".join(instance.name for instance in observed.instances if instance.restarting)
    return Waiting(1, "RollingOut", f"PostgreSQL restarts in {names}") if names else None


def rollout(observed: ObservedState, expected: int, due: frozenset[str] = frozenset()) -> Step:
    """Return the next disruptive action towards the newest template and configuration, if any.

    `due` are the UIDs of pods that are to be restarted besides, because somebody asked for it.
    """
    if observed.statefulset is None:
        return None  # its write was refused, and that is what there is to say
    revision = newest_revision(observed.statefulset)
    if revision is None:
        return Waiting(5, "Reconciling", _UNSEEN)
    stale = [i for i in observed.instances if i.revision != revision or i.uid in due]
    step = (
        _broken(observed, stale, revision)
        or _blocked(observed, stale, revision, expected)
        or _relied_upon(_next(observed, stale, expected, revision), observed)
    )
    return _spare(step, observed)


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


def _relied_upon(step: Step, observed: ObservedState) -> Step:
    """Restart no instance before all other standbys are synchronous.

    Otherwise the restarted one may be the only synchronous standby, and the only one that could be promoted.
    """
    if not isinstance(step, DeletePod | RestartPostgres):
        return step
    going = step.name if isinstance(step, DeletePod) else step.pod
    late = [name for name in uncounted(observed) if name != going]
    if not late:
        return step
    return Waiting(2, "RollingOut", f"waiting until commits wait for {', '.join(late)} too")


def _spare(step: Step, observed: ObservedState) -> Step:
    """Keep a pod whose claim is marked for deletion: with the pod its data would be lost."""
    if not isinstance(step, DeletePod):
        return step
    claim = next((c for c in observed.claims if c.deleting and ordinal(step.name) == c.ordinal), None)
    primary = observed.primary
    copied = primary is not None and primary.fit and primary.name != step.name
    if claim is None or copied:
        return step
    message = (
        f"{claim.name} is marked for deletion and would be lost with {step.name}, so the pod is not restarted"
    )
    return Waiting(30, "ClaimDeleted", message)


def _broken(observed: ObservedState, stale: list[Instance], revision: str) -> Step:
    """Replace an outdated pod that is not ready: nothing is lost, and it may be all that is needed."""
    for instance in stale:
        trouble = instance.trouble
        if (
            instance.ready
            or instance.deleting
            or trouble is None
            or _may_recover(instance, observed, revision)
        ):
            continue
        return DeletePod(instance.name, instance.uid, f"not ready ({trouble.reason}), with an old template")
    return None


def _may_recover(instance: Instance, observed: ObservedState, revision: str) -> bool:
    """Whether an outdated pod may recover by itself, while no pod of the new template is ready yet.

    With no ready primary there is nothing to lose, and this pod may have the newest data.
    """
    primary = observed.primary
    served = primary is not None and primary.fit
    unproven = any(i.revision == revision and not i.ready for i in observed.instances)
    return served and unproven and instance.trouble is not None and instance.trouble.reason in _PASSING


def _blocked(observed: ObservedState, stale: list[Instance], revision: str, expected: int) -> Step:
    """Disrupt nothing while another instance is not ready, or has not applied the newest configuration."""
    due = stale or any(i.pending_restart is not None for i in observed.instances)
    return (_unready(observed, revision, expected) if due else None) or _unread(observed, stale)


def _unread(observed: ObservedState, stale: list[Instance]) -> Step:
    """Wait until every member has applied the newest configuration: until then its pending restart is old.

    Otherwise the primary, when it is the first to report, would be switched over to a standby that has to
    restart, too; and a server would be restarted for a parameter that was reverted meanwhile. Outdated pods
    are replaced in any case. An image that does not tell is believed: its successor may be held back.
    """
    late = [i.name for i in observed.instances if i.fit and i not in stale and observed.outdated(i)]
    if not late:
        return None
    message = f"waiting for the newest configuration to be applied: {', '.join(late)}"
    return Waiting(2, "RollingOut", message)


def _unready(observed: ObservedState, revision: str, expected: int) -> Step:
    for instance in observed.instances:
        if instance.trouble and instance.revision == revision:
            trouble = f"{instance.name}: {instance.trouble.reason}: {instance.trouble.message}"
            return Waiting(10, "RolloutBlocked", trouble)
    unfit = [_named(instance.name, observed) for instance in observed.instances if not instance.fit]
    if unfit or len(observed.instances) < expected:
        who = ", ".join(unfit) or f"{expected - len(observed.instances)} missing"
        return Waiting(5, "RollingOut", f"waiting for all instances to be ready and streaming: {who}")
    return None


def _named(name: str, observed: ObservedState) -> str:
    """Name an instance, and the containers that keep its pod from ending."""
    keep = lingering(observed.pods[name]) if name in observed.pods else []
    return f"{name} (still running in it: {', '.join(keep)})" if keep else name


def _next(observed: ObservedState, stale: list[Instance], expected: int, revision: str) -> Step:
    primary = observed.primary
    if primary is None:
        return Waiting(5, "RollingOut", "no primary is known") if stale else None
    lowered = _lowered(primary)
    standbys = sorted(
        (i for i in observed.instances if i.name != primary.name), key=lambda instance: -instance.ordinal
    )
    renewed = (_renewed(standby, revision) for standby in standbys if standby in stale)
    restarted = (_restarted(standby, primary.ip, lowered) for standby in standbys)
    return (
        next(renewed, None)
        or (None if primary in stale else _primary_first(primary, standbys, lowered))
        or next(filter(None, restarted), None)
        or _primary_last(
            observed, primary, _renewed(primary, revision) if primary in stale else None, expected
        )
    )


def _renewed(instance: Instance, revision: str) -> DeletePod:
    why = "a restart was asked for" if instance.revision == revision else "the pod template changed"
    return DeletePod(instance.name, instance.uid, why)


def _restarted(
    instance: Instance, primary: str | None = None, put_off: frozenset[str] = frozenset()
) -> RestartPostgres | None:
    """Return the restart that is pending, unless only for parameters in `put_off`."""
    pending = instance.pending_restart
    if pending is None or (pending and pending.keys() <= put_off):
        return None
    names = ", ".join(sorted(pending)) or "the configuration"
    return RestartPostgres(instance.name, instance.ip, f"{names} changed", primary)


def _primary_first(primary: Instance, standbys: list[Instance], lowered: frozenset[str]) -> Step:
    """Restart the primary before its standbys if a parameter was lowered that standbys need at its value.

    Patroni starts a standby with its primary's larger value (postgresql/config.py, effective_configuration),
    so the other changed parameters can be tried on one standby before the primary gets them.
    """
    if not lowered:
        return None
    others = (primary.pending_restart or {}).keys() - lowered
    tried = [standby for standby in standbys if not others & (standby.pending_restart or {}).keys()]
    if others and standbys and not tried:
        return _restarted(standbys[0], primary.ip)
    names = ", ".join(sorted(lowered))
    return RestartPostgres(
        primary.name, primary.ip, f"{names} lowered: the primary must restart with it first"
    )


def _primary_last(
    observed: ObservedState, primary: Instance, renewed: DeletePod | None, expected: int
) -> Step:
    step = renewed or _restarted(primary)
    if step is None or expected == 1:
        return step
    switch = handover(observed, primary, lambda _: True, f"{primary.name} must restart: {step.reason}")
    nobody = f"{primary.name} must restart, and not every standby is ready for that yet"
    return switch or Waiting(5, "RollingOut", nobody)


def _lowered(primary: Instance) -> frozenset[str]:
    """Return the lowered parameters that no standby may have at a smaller value than its primary."""
    pending = primary.pending_restart or {}
    return frozenset(name for name in STANDBY_SENSITIVE & pending.keys() if _less(*pending[name]))


def _less(old: str, new: str) -> bool:
    before, after = whole_number(old), whole_number(new)
    return before is not None and after is not None and after < before
