"""The story of a failover, as events: who was primary, why it ended, who is it now, how long it took.

Pure but for the memory of one reign for each database. A controller that was not there at the beginning
takes the last primary from the status and tells as much as the pods still show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from controller.kube.objects import Key
from controller.observe.world import Instance, World
from controller.plan.actions import Action, Switchover
from controller.report.events import Type

_SECOND = timedelta(seconds=1)  # the kubelet cuts the fractions of its times off
_LOCK_LASTS = timedelta(seconds=20)  # `ttl` in Patroni's configuration
_CLOCKS_DIFFER = timedelta(seconds=5)
_RECENT = timedelta(minutes=2)
_HANDOVER = timedelta(seconds=30)
_CRASHED = frozenset({"crashed", "start failed"})


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its type, reason and message."""

    type: Type
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a primary is none any more, or soon will be."""

    why: str
    at: datetime
    event: str | None = "PrimaryLost"
    """Under which reason it is told; None when only what follows is."""
    planned: bool = False
    """Whether the primary had the time to hand over: it accepted writes for a while after `at`."""


@dataclass(frozen=True, slots=True)
class Reign:
    """One primary, as far as it was watched."""

    primary: str
    uid: str = ""
    start_id: str = ""
    acquired: datetime | None = None
    """When it took the lock."""
    loss: Loss | None = None
    renewed: datetime | None = None
    """When it had last renewed the lock, as far as that was looked at."""


class Chronicle:
    """Remembers who reigns over each database."""

    def __init__(self) -> None:
        self._reigns: dict[Key, Reign] = {}

    def look(self, key: Key, known: str | None, world: World, now: datetime) -> list[Told]:
        """Return what happened since the last look; `known` is the primary in the stored status."""
        last = known or world.leadership.last_primary
        before = self._reigns.get(key) or (Reign(last) if last else None)
        reign, told = succession(before, world, now)
        if reign:
            self._reigns[key] = reign
        else:
            self.forget(key)
        return told

    def note(self, key: Key, done: Iterable[Action], began: datetime) -> None:
        """Remember that the primary was asked to hand over; who takes over is seen later."""
        reign = self._reigns.get(key)
        asked = next((action for action in done if isinstance(action, Switchover)), None)
        if asked and reign and reign.primary == asked.leader:
            loss = Loss(f"it was asked to hand over, for {asked.reason}", began, None, planned=True)
            self._reigns[key] = replace(reign, loss=loss)

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a database that is gone."""
        self._reigns.pop(key, None)


def succession(before: Reign | None, world: World, now: datetime) -> tuple[Reign | None, list[Told]]:
    """Return who reigns now, and what is told of it."""
    primary = world.primary
    if before is None or _resting(world):
        return _reign(primary, world), []
    if primary is not None and primary.name != before.primary:
        return _reign(primary, world), [_succeeded(before, world, primary, now)]
    loss = before.loss or _loss(before, world, now)
    if loss is None:
        return _reign(primary, world) or before, []
    if before.loss and primary is not None and _well(primary):
        return _still(before, loss, primary, world, now)
    told = [] if before.loss or not loss.event else [_lost(before, loss)]
    return replace(before, loss=loss), told


def _still(
    before: Reign, loss: Loss, primary: Instance, world: World, now: datetime
) -> tuple[Reign | None, list[Told]]:
    """Tell the primary that came back from the one that has not gone yet."""
    if loss.event:
        return _reign(primary, world), [_back(loss, primary, world, now)]
    # What is seen of the pods may be older than what was asked of them.
    return (before if now - loss.at < _HANDOVER else _reign(primary, world)), []


def _resting(world: World) -> bool:
    """Whether nobody is to reign: there are to be no instances."""
    return world.statefulset is not None and world.statefulset["spec"]["replicas"] == 0


def _reign(primary: Instance | None, world: World) -> Reign | None:
    if primary is None:
        return None
    lead = world.leadership
    return Reign(primary.name, primary.uid, primary.start_id, lead.acquired, renewed=lead.renewed)


def _loss(reign: Reign, world: World, now: datetime) -> Loss | None:
    """Return the first sign that the primary serves no longer, or not for long."""
    old = next((i for i in world.instances if i.name == reign.primary), None)
    if old is None or (reign.uid and old.uid != reign.uid):
        return Loss("its pod is gone", now)
    end = _end(old, reign, now)
    if end is not None:
        return end
    if old.deleting:
        return Loss("its pod is being deleted", now, "PrimaryEnding", planned=True)
    if old.state in _CRASHED:
        return Loss("its server crashed", now)
    return _not_heard_of(old, world, now)


def _end(old: Instance, reign: Reign, now: datetime) -> Loss | None:
    """Return the end of its container, if that was in this reign; a new one may run already."""
    ended, at = old.last_end, old.last_end_at
    if not ended or at is None:
        return None
    begun = reign.acquired or now - _RECENT
    # Without a memory of the container that reigned, only a recent end can be the one.
    another = old.start_id != reign.start_id if reign.start_id else now - at < _RECENT
    if not (old.ended or another) or at + _SECOND < begun:
        return None
    seen_at_once = at <= now < at + _SECOND
    return Loss(f"its container ended ({ended})", now if seen_at_once else at)


def _not_heard_of(old: Instance, world: World, now: datetime) -> Loss | None:
    node, renewed = world.nodes.get(old.node), world.leadership.renewed
    silent = renewed is not None and now - renewed > _LOCK_LASTS
    if node is not None and not node.ready and silent:
        # A kubelet that is not heard of is no reason yet: the primary on its node may well go on.
        return Loss(f"its node {old.node} is not Ready", renewed or now)
    if world.leadership.holder is None:
        return Loss("it handed over", now, None)
    return None


def _well(primary: Instance) -> bool:
    return primary.ready and not primary.deleting and not primary.ended and primary.state == "running"


def _succeeded(reign: Reign, world: World, primary: Instance, now: datetime) -> Told:
    loss = reign.loss or _loss(reign, world, now) or _unseen(reign, world, now)
    planned = loss.planned or loss.event is None
    story = f"{_since(primary, world, now)}, after {reign.primary}: {_sentence(loss, now)}"
    return Told("Normal" if planned else "Warning", "SwitchedOver" if planned else "FailedOver", story)


def _unseen(reign: Reign, world: World, now: datetime) -> Loss:
    """Return why the lock changed hands though nothing was seen to happen to the one that had it."""
    old = next((i for i in world.instances if i.name == reign.primary), None)
    # Who hands over keeps its label until another has it, and the lock may be free for a moment only.
    if old is not None and old.role == "primary" and _may_have_run_out(reign, world):
        return Loss("it did not renew its lock", now, "PrimaryLost")
    return Loss("it handed over", now, None)


def _may_have_run_out(reign: Reign, world: World) -> bool:
    """Whether so much time passed since a renewal that the lock may have; clocks differ by some seconds."""
    lead = world.leadership
    # A reign knows of the renewals that a pass saw, which may be long ago.
    renewed = lead.former_renewed if lead.former == reign.primary else reign.renewed
    return lead.acquired is None or renewed is None or lead.acquired - renewed > _LOCK_LASTS - _CLOCKS_DIFFER


def _back(loss: Loss, primary: Instance, world: World, now: datetime) -> Told:
    return Told("Normal", "PrimaryBack", f"{_since(primary, world, now)} again: {_sentence(loss, now)}")


def _lost(reign: Reign, loss: Loss) -> Told:
    kind: Type = "Normal" if loss.planned else "Warning"
    return Told(kind, str(loss.event), f"{reign.primary} was primary: {loss.why} at {_clock(loss.at)}")


def _sentence(loss: Loss, now: datetime) -> str:
    seconds = max(0.0, (now - loss.at).total_seconds())
    if not seconds:
        return loss.why
    # Who hands over unasked has stopped its server before it is seen to: the lock is freed last.
    about = "at most" if loss.planned else "about" if loss.event else "at least"
    span = f"{about} {seconds:.1f} s"
    return f"{loss.why} at {_clock(loss.at)}; writes were refused for {span}"


def _since(primary: Instance, world: World, now: datetime) -> str:
    return f"{primary.name} is primary since {_clock(world.leadership.acquired or now)}"


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%H:%M:%SZ")
