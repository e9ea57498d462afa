"""Events about what befell the processes of an instance, and what it mended by itself; pure.

Only the times of the last ones are remembered. A controller that has just started tells the recent ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from controller.observe.instances.instance import OUT_OF_MEMORY, Instance
from controller.observe.state import ObservedState
from controller.report.primaries import Event, clock

_RECENT = timedelta(minutes=2)
_ENDED = "so its container ended"
_RECOVERED = "so the server ended all connections and recovered from the WAL"


@dataclass(frozen=True, slots=True)
class Last:
    """The last mishaps of one instance."""

    crashed: datetime | None = None
    killed: datetime | None = None
    ended: datetime | None = None


Mishaps: TypeAlias = Mapping[str, Last]
"""By the UID of the pod."""


def told(before: Mishaps, observed: ObservedState, now: datetime) -> tuple[Mishaps, list[Event]]:
    """Return the last mishaps of every instance, and the events about those that are new."""
    after = {i.uid: Last(i.crashed_at, i.killed_at, _out_of_memory(i)) for i in observed.instances}
    events = [
        event
        for instance in observed.instances
        for event in _news(instance, before.get(instance.uid), after[instance.uid], now)
    ]
    return after, events


def _out_of_memory(instance: Instance) -> datetime | None:
    return instance.last_end_at if instance.last_end.startswith(OUT_OF_MEMORY) else None


def _news(instance: Instance, before: Last | None, after: Last, now: datetime) -> Iterator[Event]:
    def new(old: datetime | None, moment: datetime | None) -> bool:
        if moment is None or moment == old:
            return False
        return before is not None or now - moment < _RECENT

    was, name = before or Last(), instance.name
    if after.killed and new(was.killed, after.killed):
        message = f"{name}: the kernel killed a process for lack of memory at {clock(after.killed)}"
        yield Event("KilledForMemory", message)
    if after.ended and new(was.ended, after.ended):
        message = f"{name}: the kernel killed it for lack of memory at {clock(after.ended)}, {_ENDED}"
        yield Event("KilledForMemory", message)
    if after.crashed and new(was.crashed, after.crashed):
        message = f"{name}: a process of the server crashed at {clock(after.crashed)}, {_RECOVERED}"
        yield Event("ServerCrashed", message)
