"""Durations, which one observation cannot show: how long an instance made no progress.

Kept in memory only: after a restart the controller starts counting at zero, so it waits longer, never less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from controller.kube.objects import Key
from controller.observe.instances.following import STARTING
from controller.observe.instances.instance import OUT_OF_MEMORY, Instance
from controller.observe.instances.pods import COPYING
from controller.observe.state import Claim

Mark: TypeAlias = tuple[str | None, str, int | None, str, int]
_SETTLED = frozenset({"running", "start failed", "restart failed"})
_ON_THE_WAY = frozenset({"starting", "restarting", "stopping", "stopped", "crashed"})
"""Between two failed starts; what a server does for minutes by itself begins no count, but its recovery."""
_HOUR_SECONDS = 3600.0
"""For so long a kill counts, and so do rebuilds, unless the instance was fit all the time since."""
_FOLLOWS_SECONDS = 20.0
"""Without interruption, after which one that has got nothing follows all the same: there is nothing new."""
_REPORTED_SECONDS = 10.0
"""Until a member has reported that its volume has room again: it checks every second."""


@dataclass(frozen=True, slots=True)
class _Since:
    mark: Mark
    moment: float
    well: float | None = None
    """Since when it has followed, or seemed to."""


@dataclass(frozen=True, slots=True)
class _Health:
    fit_since: float | None
    forgiven: int


@dataclass(frozen=True, slots=True)
class _Size:
    capacity: str | None
    changed: float


@dataclass(frozen=True, slots=True)
class _Kills:
    last: tuple[datetime | None, datetime | None]
    """Of a process, and of the whole container."""
    seen: tuple[float, ...] = ()


class Progress:
    """Remembers since when each instance has been in its present state."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[Key, dict[str, _Since]] = {}
        self._health: dict[Key, dict[str, _Health]] = {}
        self._sizes: dict[Key, dict[str, _Size]] = {}
        self._kills: dict[Key, dict[str, _Kills]] = {}

    def look(self, key: Key, instances: Iterable[Instance], holder: str | None) -> dict[str, float]:
        """Return, by pod's UID, the seconds for which an instance has neither moved nor followed.

        One whose disk is full cannot, so its count begins when it has room.
        Another holder of the lock begins every count anew, for whom to follow is another then.
        """
        before, now = self._since.get(key, {}), self._clock()
        after = {i.uid: since for i in instances if (since := _look(i, holder, before.get(i.uid), now))}
        self._since[key] = after
        return {uid: now - since.moment for uid, since in after.items()}

    def forgiven(self, key: Key, instances: Iterable[Instance]) -> dict[str, int]:
        """Return, by pod's UID, how many of its copies count no more: it has been well for an hour since."""
        before, now = self._health.get(key, {}), self._clock()
        self._health[key] = {i.uid: _health(i, before.get(i.uid), now) for i in instances}
        return {uid: health.forgiven for uid, health in self._health[key].items() if health.forgiven}

    def grown(self, key: Key, claims: Iterable[Claim]) -> frozenset[str]:
        """Return the claims whose volume has grown too recently for its instance to have reported it."""
        before, now = self._sizes.get(key, {}), self._clock()
        self._sizes[key] = {c.name: _size(c, before.get(c.name), now) for c in claims}
        return frozenset(n for n, size in self._sizes[key].items() if now - size.changed < _REPORTED_SECONDS)

    def kills(self, key: Key, instances: Iterable[Instance]) -> dict[str, int]:
        """Return, by pod's UID, how often it was killed for lack of memory within an hour.

        Each kill has a time of its own; what had happened before the first look does not count.
        """
        before, now = self._kills.get(key, {}), self._clock()
        self._kills[key] = {i.uid: _counted(i, before.get(i.uid), now) for i in instances}
        return {uid: count for uid, kills in self._kills[key].items() if (count := len(kills.seen))}

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a database that is gone."""
        self._since.pop(key, None)
        self._health.pop(key, None)
        self._sizes.pop(key, None)
        self._kills.pop(key, None)


def _counted(instance: Instance, before: _Kills | None, now: float) -> _Kills:
    ended = instance.last_end_at if instance.last_end.startswith(OUT_OF_MEMORY) else None
    last = (instance.killed_at, ended)
    if before is None:
        return _Kills(last)
    new = sum(moment is not None and moment != old for moment, old in zip(last, before.last, strict=True))
    recent = (moment for moment in before.seen if now - moment < _HOUR_SECONDS)
    return _Kills(last, (*recent, *[now] * new))


def _size(claim: Claim, before: _Size | None, now: float) -> _Size:
    if before is None or before.capacity is None:
        return _Size(claim.capacity, -math.inf)
    return before if before.capacity == claim.capacity else _Size(claim.capacity, now)


def _health(instance: Instance, before: _Health | None, now: float) -> _Health:
    since, forgiven = (before.fit_since, before.forgiven) if before else (None, 0)
    if since is not None and now - since >= _HOUR_SECONDS:
        forgiven = instance.rebuilds
    if not instance.fit:
        return _Health(None, forgiven)
    return _Health(now if since is None else since, forgiven)


def _look(instance: Instance, holder: str | None, before: _Since | None, now: float) -> _Since | None:
    if instance.name == holder or instance.disk_full:
        return None
    if instance.damage and not instance.fit and instance.state != COPYING:
        # Whatever its server tries meanwhile: it cannot follow with this data.
        mark: Mark = (holder, instance.damage, None, instance.start_id, instance.rebuilds)
        return before if before and before.mark == mark else _Since(mark, now)
    if instance.state in _ON_THE_WAY:
        if before and before.mark[0] == holder:
            return before
        # It may wait for ever, before it is consistent, for WAL that is gone, as only its log tells.
        begun = _Since((holder, STARTING, None, instance.start_id, instance.rebuilds), now)
        return begun if instance.state == STARTING else None
    if instance.state not in _SETTLED:
        return None
    # With other parameters it may start, and has not tried yet when it tells that it has applied them.
    failed = "" if instance.state == "running" else f"failed with {instance.configuration}"
    mark = (holder, failed, instance.position, instance.start_id, instance.rebuilds)
    same = before if before and before.mark == mark else None
    if instance.fit or instance.streaming:
        return _while_well(same, now)
    return replace(same, well=None) if same else _Since(mark, now)


def _while_well(before: _Since | None, now: float) -> _Since | None:
    """Go on with a count for a while.

    One whose primary has removed the WAL that it asks for streams, and is ready, for a moment twice a second.
    """
    well = now if before is None or before.well is None else before.well
    return None if before is None or now - well >= _FOLLOWS_SECONDS else replace(before, well=well)
