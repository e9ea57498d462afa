"""For how long each instance has not got on: what one look at the world cannot tell.

Remembered by this process alone: a fresh controller begins to count anew, and so waits longer, never less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from controller.kube.objects import Key
from controller.observe.world import Instance

Mark: TypeAlias = tuple[str | None, str, int, str, int]
_SETTLED = frozenset({"running", "start failed", "restart failed"})
_ON_THE_WAY = frozenset({"starting", "restarting", "stopping", "stopped", "crashed"})
"""Between two failed starts; what a server does for minutes by itself (crash recovery) begins no count."""


@dataclass(frozen=True, slots=True)
class _Since:
    mark: Mark
    moment: float


class Progress:
    """Remembers since when each instance of each database is as it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[Key, dict[str, _Since]] = {}

    def look(self, key: Key, instances: Iterable[Instance], holder: str | None) -> dict[str, float]:
        """Return, by pod's UID, the seconds for which an instance has neither moved nor followed.

        Another holder of the lock begins every count anew, for whom to follow is another then.
        """
        before, now = self._since.get(key, {}), self._clock()
        after = {i.uid: since for i in instances if (since := _look(i, holder, before.get(i.uid), now))}
        self._since[key] = after
        return {uid: now - since.moment for uid, since in after.items()}

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a database that is gone."""
        self._since.pop(key, None)


def _look(instance: Instance, holder: str | None, before: _Since | None, now: float) -> _Since | None:
    if instance.fit or instance.streaming or instance.name == holder:
        return None
    if instance.state in _ON_THE_WAY:
        return before if before and before.mark[0] == holder else None
    if instance.state not in _SETTLED:
        return None
    failed = "" if instance.state == "running" else "failed"
    mark = (holder, failed, instance.position, instance.start_id, instance.rebuilds)
    return before if before and before.mark == mark else _Since(mark, now)
