"""Events about changes of the primary: the old one, why it was lost, the new one, and how long it took.

One `PrimaryTerm` for each database goes from one reconcile to the next. A controller that has just started
takes the last primary from the status, and the rest from what the pods still show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from controller.observe.instances.instance import Instance
from controller.observe.state import ObservedState
from controller.plan.actions import Action, Switchover
from controller.plan.restore.in_place import replaced
from schemas.reasons import REASONS
from schemas.reasons.reason import Type

_SECOND = timedelta(seconds=1)  # the kubelet truncates its timestamps to seconds
_LOCK_TTL = timedelta(seconds=20)  # `ttl` in Patroni's configuration
_CLOCK_SKEW = timedelta(seconds=5)
_RECENT = timedelta(minutes=2)
_HANDOVER = timedelta(seconds=30)
_UNKNOWN, _UNKNOWN_CODE = ("Unknown", "ContainerStatusUnknown"), "exit code 255"
"""How kubelets and container runtimes say that nobody saw a container's end."""
_CRASHED = frozenset({"crashed", "start failed"})


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its reason and message."""

    reason: str
    message: str

    @property
    def type(self) -> Type:
        """Whether it is a warning."""
        return REASONS[self.reason].type


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a primary was lost, or is about to be."""

    why: str
    at: datetime
    event: str | None = "PrimaryLost"
    """The reason of its own event; None if only the outcome gets an event."""
    planned: bool = False
    """Whether the primary could hand over in order: it accepted writes for a while after `at`."""


@dataclass(frozen=True, slots=True)
class PrimaryTerm:
    """The time in which one instance is the primary, as far as it was observed."""

    primary: str
    uid: str = ""
    start_id: str = ""
    acquired: datetime | None = None
    """When it took the lock."""
    loss: Loss | None = None
    renewed: datetime | None = None
    """When it last renewed the lock, as of the last reconcile."""


def followed(
    before: PrimaryTerm | None, known: str | None, observed: ObservedState, now: datetime
) -> tuple[PrimaryTerm | None, list[Event]]:
    """Return the term of the present primary, and the events since `before`.

    `known` is the primary in the stored status: all that a controller knows that has just started.
    """
    last = known or observed.leadership.last_primary
    return primary_change(before or (PrimaryTerm(last) if last else None), observed, now)


def asked(term: PrimaryTerm | None, done: Iterable[Action], began: datetime) -> PrimaryTerm | None:
    """Note in a term that its primary was asked to hand over; the new one is observed later."""
    request = next((action for action in done if isinstance(action, Switchover)), None)
    if request is None or term is None or term.primary != request.leader:
        return term
    loss = Loss(f"it was asked to hand over, for {request.reason}", began, None, planned=True)
    return replace(term, loss=loss)


def primary_change(
    before: PrimaryTerm | None, observed: ObservedState, now: datetime
) -> tuple[PrimaryTerm | None, list[Event]]:
    """Return the current primary, and the events about the change since `before`."""
    primary = observed.primary
    if before is None or _hibernated(observed):
        return _term(primary, observed), []
    if primary is not None and primary.name != before.primary:
        return _term(primary, observed), [_succeeded(before, observed, primary, now)]
    if replaced(observed):
        return _term(primary, observed) or before, []
    loss = _known_loss(before, observed, now)
    if loss is None:
        return _term(primary, observed) or before, []
    healthy = primary is not None and _healthy(primary, observed)
    if primary is not None and healthy and not before.start_id and now - loss.at > _RECENT:
        return _term(primary, observed), []  # Nobody has looked since, and when it came back is not known.
    if before.loss == loss and primary is not None and healthy:
        return _same_primary(before, loss, primary, observed, now)
    events = [] if before.loss == loss or not loss.event else [_lost(before, loss)]
    return replace(before, loss=loss), events


def _known_loss(term: PrimaryTerm, observed: ObservedState, now: datetime) -> Loss | None:
    """Return why the primary was lost: what was noted, unless that it handed over was a mere guess.

    A kubelet may tell later that the container had ended.
    """
    noted = term.loss
    if noted is None:
        return _loss(term, observed, now)
    old = next((i for i in observed.instances if i.name == term.primary), None)
    if noted.planned or noted.event or old is None or (term.uid and old.uid != term.uid):
        return noted
    return _end(old, term, observed, now) or _restarted(old, term, observed, now) or noted


def _same_primary(
    before: PrimaryTerm, loss: Loss, primary: Instance, observed: ObservedState, now: datetime
) -> tuple[PrimaryTerm | None, list[Event]]:
    """Distinguish a primary that came back from one that has not handed over yet."""
    if loss.event:
        return _term(primary, observed), [_back(loss, primary, observed, now)]
    # The watches may not have reported the effect of the request yet.
    return (before if now - loss.at < _HANDOVER else _term(primary, observed)), []


def _hibernated(observed: ObservedState) -> bool:
    """Whether no primary is expected, because the StatefulSet is scaled to 0."""
    return observed.statefulset is not None and observed.statefulset["spec"]["replicas"] == 0


def _term(primary: Instance | None, observed: ObservedState) -> PrimaryTerm | None:
    if primary is None:
        return None
    lead = observed.leadership
    return PrimaryTerm(primary.name, primary.uid, primary.start_id, lead.acquired, renewed=lead.renewed)


def _loss(term: PrimaryTerm, observed: ObservedState, now: datetime) -> Loss | None:
    """Return the first sign that the primary stopped serving, or is about to."""
    old = next((i for i in observed.instances if i.name == term.primary), None)
    if old is None or (term.uid and old.uid != term.uid):
        return Loss("its pod is gone", now)
    end = _end(old, term, observed, now)
    if end is not None:
        return end
    if old.deleting:
        return Loss("its pod is being deleted", now, "PrimaryEnding", planned=True)
    if old.state in _CRASHED:
        return Loss("its server crashed", now)
    return _restarted(old, term, observed, now) or _lock_lost(old, observed, now)


def _end(old: Instance, term: PrimaryTerm, observed: ObservedState, now: datetime) -> Loss | None:
    """Return the end of its container, if it was in this term; a new container may already run."""
    ended, at = old.last_end, old.last_end_at
    if not ended or at is None:
        return None
    begun = term.acquired or now - _RECENT
    # If the container of this term is not known, only a recent termination can be its.
    another = old.start_id != term.start_id if term.start_id else now - at < _RECENT
    if not (old.ended or another) or at + _SECOND < begun:
        return None
    seen_at_once = at <= now < at + _SECOND
    return Loss(_ended(old, observed, now), now if seen_at_once else at)


def _restarted(old: Instance, term: PrimaryTerm, observed: ObservedState, now: datetime) -> Loss | None:
    """Return the end of its container, if another has started, although its end has no time, or an old one.

    So it is after a power loss: the kubelet finds the container gone, and a Patroni that starts as the holder
    of the lock, without a server, releases it as if it handed over.
    """
    begun = old.running_since
    if not old.last_end or begun is None:
        return None
    if not _another(old, term, begun, observed, now):
        return None
    return Loss(_ended(old, observed, now), begun)


def _another(
    old: Instance, term: PrimaryTerm, begun: datetime, observed: ObservedState, now: datetime
) -> bool:
    """Whether the container that runs is another than the one that was primary."""
    if term.start_id not in ("", old.start_id):
        return True
    if term.start_id:
        # Taken for a primary that is back, it may just have inherited the lock that it released then.
        inherited = term.acquired is not None and term.acquired < begun
        if not inherited or observed.leadership.holder is not None:
            return False
    return _around(begun, observed, now)


def _ended(old: Instance, observed: ObservedState, now: datetime) -> str:
    """Say how its container ended, and whether all ended with it."""
    how = f"its container ended ({old.last_end})"
    others = [i for i in observed.instances if i.name != old.name]
    all_ended = others and all(_lost_power(i, observed, now) for i in observed.instances)
    return f"all instances had stopped, {how}" if all_ended else how


def _lost_power(instance: Instance, observed: ObservedState, now: datetime) -> bool:
    """Whether the kubelet found a container gone when it started itself, a moment ago."""
    unknown = instance.last_end.startswith(_UNKNOWN) or instance.last_end.endswith(_UNKNOWN_CODE)
    begun = instance.running_since
    return unknown and (begun is None or _around(begun, observed, now))


def _around(moment: datetime, observed: ObservedState, now: datetime) -> bool:
    """Whether this was about when the lock was last taken by another, or now while nobody holds it."""
    lead = observed.leadership
    changed = lead.acquired if lead.holder and lead.acquired else now
    return abs(changed - moment) < _RECENT or abs(now - moment) < _RECENT


def _lock_lost(old: Instance, observed: ObservedState, now: datetime) -> Loss | None:
    renewed = observed.leadership.renewed
    silent = renewed is not None and now - renewed > _LOCK_TTL
    if observed.lost(old.node) and (silent or observed.leadership.holder is None):
        # A node that is not Ready is no proof alone: the primary on it may still serve.
        return Loss(f"its node {old.node} is not Ready", renewed or now)
    if observed.leadership.holder is None:
        return Loss("it handed over", now, None)
    return None


def _healthy(primary: Instance, observed: ObservedState) -> bool:
    """Whether it serves; what it said of itself, and the lock, may be from before its container started."""
    begun, renewed = primary.running_since, observed.leadership.renewed
    if begun is not None and renewed is not None and renewed < begun:
        return False
    return primary.ready and not primary.deleting and not primary.ended and primary.state == "running"


def _succeeded(term: PrimaryTerm, observed: ObservedState, primary: Instance, now: datetime) -> Event:
    loss = _known_loss(term, observed, now) or _inferred(term, observed, now)
    planned = loss.planned or loss.event is None
    message = f"{_since(primary, observed, now)}, after {term.primary}: {_duration(loss, now)}"
    return Event("SwitchedOver" if planned else "FailedOver", message)


def _inferred(term: PrimaryTerm, observed: ObservedState, now: datetime) -> Loss:
    """Return why the lock changed its holder, although nothing was observed on the former primary."""
    old = next((i for i in observed.instances if i.name == term.primary), None)
    # A primary that hands over keeps its label until another has it, and the lock is free for a moment only.
    if old is not None and old.role == "primary" and _may_have_expired(term, observed):
        return Loss("it did not renew its lock", now, "PrimaryLost")
    return Loss("it handed over", now, None)


def _may_have_expired(term: PrimaryTerm, observed: ObservedState) -> bool:
    """Whether the lock may have expired since its last renewal; clocks may differ by some seconds."""
    lead = observed.leadership
    # `term.renewed` is as of the last reconcile, which may be long ago.
    renewed = lead.former_renewed if lead.former == term.primary else term.renewed
    return lead.acquired is None or renewed is None or lead.acquired - renewed > _LOCK_TTL - _CLOCK_SKEW


def _back(loss: Loss, primary: Instance, observed: ObservedState, now: datetime) -> Event:
    return Event("PrimaryBack", f"{_since(primary, observed, now)} again: {_duration(loss, now)}")


def _lost(term: PrimaryTerm, loss: Loss) -> Event:
    return Event(str(loss.event), f"{term.primary} was primary: {loss.why} at {clock(loss.at)}")


def _duration(loss: Loss, now: datetime) -> str:
    seconds = max(0.0, (now - loss.at).total_seconds())
    if not seconds:
        return loss.why
    # An unrequested handover is observed after the server has stopped: the lock is released last.
    about = "at most" if loss.planned else "about" if loss.event else "at least"
    span = f"{about} {seconds:.1f} s"
    return f"{loss.why} at {clock(loss.at)}; writes were refused for {span}"


def _since(primary: Instance, observed: ObservedState, now: datetime) -> str:
    return f"{primary.name} is primary since {clock(observed.leadership.acquired or now)}"


def clock(moment: datetime) -> str:
    """Write a time of day as events have it."""
    return moment.astimezone(UTC).strftime("%H:%M:%SZ")
