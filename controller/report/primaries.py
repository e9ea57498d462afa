"""Events about changes of the primary: the old one, why it was lost, the new one, and how long it took.

The only state is one `PrimaryTerm` for each database. A controller that has just started takes the last
primary from the status, and the rest from what the pods still show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from controller.kube.objects import Key
from controller.observe.world import Instance, World
from controller.plan.actions import Action, Switchover
from controller.report.events import Type

_SECOND = timedelta(seconds=1)  # the kubelet truncates its timestamps to seconds
_LOCK_TTL = timedelta(seconds=20)  # `ttl` in Patroni's configuration
_CLOCK_SKEW = timedelta(seconds=5)
_RECENT = timedelta(minutes=2)
_HANDOVER = timedelta(seconds=30)
_CRASHED = frozenset({"crashed", "start failed"})


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type, reason and message."""

    type: Type
    reason: str
    message: str


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


class PrimaryTracker:
    """Remembers the primary of each database."""

    def __init__(self) -> None:
        self._terms: dict[Key, PrimaryTerm] = {}

    def observe(self, key: Key, known: str | None, world: World, now: datetime) -> list[Event]:
        """Return the events since the last call; `known` is the primary in the stored status."""
        last = known or world.leadership.last_primary
        before = self._terms.get(key) or (PrimaryTerm(last) if last else None)
        term, events = primary_change(before, world, now)
        if term:
            self._terms[key] = term
        else:
            self.forget(key)
        return events

    def record(self, key: Key, done: Iterable[Action], began: datetime) -> None:
        """Record that a switchover was requested; the new primary is observed later."""
        term = self._terms.get(key)
        asked = next((action for action in done if isinstance(action, Switchover)), None)
        if asked and term and term.primary == asked.leader:
            loss = Loss(f"it was asked to hand over, for {asked.reason}", began, None, planned=True)
            self._terms[key] = replace(term, loss=loss)

    def forget(self, key: Key) -> None:
        """Forget a database that was deleted."""
        self._terms.pop(key, None)


def primary_change(
    before: PrimaryTerm | None, world: World, now: datetime
) -> tuple[PrimaryTerm | None, list[Event]]:
    """Return the current primary, and the events about the change since `before`."""
    primary = world.primary
    if before is None or _hibernated(world):
        return _term(primary, world), []
    if primary is not None and primary.name != before.primary:
        return _term(primary, world), [_succeeded(before, world, primary, now)]
    loss = before.loss or _loss(before, world, now)
    if loss is None:
        return _term(primary, world) or before, []
    if before.loss and primary is not None and _healthy(primary):
        return _same_primary(before, loss, primary, world, now)
    events = [] if before.loss or not loss.event else [_lost(before, loss)]
    return replace(before, loss=loss), events


def _same_primary(
    before: PrimaryTerm, loss: Loss, primary: Instance, world: World, now: datetime
) -> tuple[PrimaryTerm | None, list[Event]]:
    """Distinguish a primary that came back from one that has not handed over yet."""
    if loss.event:
        return _term(primary, world), [_back(loss, primary, world, now)]
    # The watches may not have reported the effect of the request yet.
    return (before if now - loss.at < _HANDOVER else _term(primary, world)), []


def _hibernated(world: World) -> bool:
    """Whether no primary is expected, because the StatefulSet is scaled to 0."""
    return world.statefulset is not None and world.statefulset["spec"]["replicas"] == 0


def _term(primary: Instance | None, world: World) -> PrimaryTerm | None:
    if primary is None:
        return None
    lead = world.leadership
    return PrimaryTerm(primary.name, primary.uid, primary.start_id, lead.acquired, renewed=lead.renewed)


def _loss(term: PrimaryTerm, world: World, now: datetime) -> Loss | None:
    """Return the first sign that the primary stopped serving, or is about to."""
    old = next((i for i in world.instances if i.name == term.primary), None)
    if old is None or (term.uid and old.uid != term.uid):
        return Loss("its pod is gone", now)
    end = _end(old, term, now)
    if end is not None:
        return end
    if old.deleting:
        return Loss("its pod is being deleted", now, "PrimaryEnding", planned=True)
    if old.state in _CRASHED:
        return Loss("its server crashed", now)
    return _lock_lost(old, world, now)


def _end(old: Instance, term: PrimaryTerm, now: datetime) -> Loss | None:
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
    return Loss(f"its container ended ({ended})", now if seen_at_once else at)


def _lock_lost(old: Instance, world: World, now: datetime) -> Loss | None:
    node, renewed = world.nodes.get(old.node), world.leadership.renewed
    silent = renewed is not None and now - renewed > _LOCK_TTL
    if node is not None and not node.ready and silent:
        # A node that is not Ready is no proof alone: the primary on it may still serve.
        return Loss(f"its node {old.node} is not Ready", renewed or now)
    if world.leadership.holder is None:
        return Loss("it handed over", now, None)
    return None


def _healthy(primary: Instance) -> bool:
    return primary.ready and not primary.deleting and not primary.ended and primary.state == "running"


def _succeeded(term: PrimaryTerm, world: World, primary: Instance, now: datetime) -> Event:
    loss = term.loss or _loss(term, world, now) or _inferred(term, world, now)
    planned = loss.planned or loss.event is None
    message = f"{_since(primary, world, now)}, after {term.primary}: {_duration(loss, now)}"
    return Event("Normal" if planned else "Warning", "SwitchedOver" if planned else "FailedOver", message)


def _inferred(term: PrimaryTerm, world: World, now: datetime) -> Loss:
    """Return why the lock changed its holder, although nothing was observed on the former primary."""
    old = next((i for i in world.instances if i.name == term.primary), None)
    # A primary that hands over keeps its label until another has it, and the lock is free for a moment only.
    if old is not None and old.role == "primary" and _may_have_expired(term, world):
        return Loss("it did not renew its lock", now, "PrimaryLost")
    return Loss("it handed over", now, None)


def _may_have_expired(term: PrimaryTerm, world: World) -> bool:
    """Whether the lock may have expired since its last renewal; clocks may differ by some seconds."""
    lead = world.leadership
    # `term.renewed` is as of the last reconcile, which may be long ago.
    renewed = lead.former_renewed if lead.former == term.primary else term.renewed
    return lead.acquired is None or renewed is None or lead.acquired - renewed > _LOCK_TTL - _CLOCK_SKEW


def _back(loss: Loss, primary: Instance, world: World, now: datetime) -> Event:
    return Event("Normal", "PrimaryBack", f"{_since(primary, world, now)} again: {_duration(loss, now)}")


def _lost(term: PrimaryTerm, loss: Loss) -> Event:
    kind: Type = "Normal" if loss.planned else "Warning"
    return Event(kind, str(loss.event), f"{term.primary} was primary: {loss.why} at {_clock(loss.at)}")


def _duration(loss: Loss, now: datetime) -> str:
    seconds = max(0.0, (now - loss.at).total_seconds())
    if not seconds:
        return loss.why
    # An unrequested handover is observed after the server has stopped: the lock is released last.
    about = "at most" if loss.planned else "about" if loss.event else "at least"
    span = f"{about} {seconds:.1f} s"
    return f"{loss.why} at {_clock(loss.at)}; writes were refused for {span}"


def _since(primary: Instance, world: World, now: datetime) -> str:
    return f"{primary.name} is primary since {_clock(world.leadership.acquired or now)}"


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%H:%M:%SZ")
