"""What a fault happens to, and what a fault is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.databases import Database
from tests.laboratory.ground import Ground
from tests.rest import Object
from tests.waiting import until

STRUCK_SECONDS = 60.0
"""In which what was asked for must have happened."""


@dataclass(frozen=True)
class Scene:
    """The database that a fault happens to, and what it stands on."""

    database: Database
    ground: Ground

    def pod(self, name: str) -> Object:
        """Read one of the pods."""
        return self.database.child("Pod", name)

    def primary(self) -> Object:
        """Read the primary's pod."""
        return self.pod(self.database.primary())

    def standby(self) -> Object:
        """Read the first standby's pod."""
        return self.pod(self.database.standbys()[0])

    def kubectl(self, *arguments: str, seconds: float = 60) -> str:
        """Run kubectl in the database's namespace."""
        return self.database.cluster.good("--namespace", self.database.namespace, *arguments, seconds=seconds)

    def until_primary_is_not(self, name: str) -> None:
        """Wait until another instance holds Patroni's lock; the status may have nobody who writes it."""

        def another() -> bool:
            state = self.database.child("ConfigMap", f"{self.database.name}-leader")
            return (state["metadata"]["annotations"].get("leader") or name) != name

        until(another, STRUCK_SECONDS, self.database.story)

    def until_made_anew(self, uids: dict[str, str], seconds: float = STRUCK_SECONDS) -> None:
        """Wait until other pods have the names of these: none of them is left."""

        def anew() -> bool:
            after = self.database.uids()
            return all(after.get(name, uid) != uid for name, uid in uids.items())

        until(anew, seconds, self.database.story, 0.5)

    @contextmanager
    def restarting(self, pod: Object) -> Iterator[None]:
        """Expect that the kubelet sees a container of the pod end, by the time when the fault is over."""
        yield
        until(lambda: _ended_since(pod, self.pod(pod["metadata"]["name"])), STRUCK_SECONDS)


def restarts(pod: Object) -> int:
    """Count how often the pod's containers were started again."""
    return sum(status["restartCount"] for status in _statuses(pod))


def _ended_since(before: Object, now: Object) -> bool:
    if now["metadata"]["uid"] != before["metadata"]["uid"]:
        return True
    return restarts(now) > restarts(before) or any("running" not in s["state"] for s in _statuses(now))


def _statuses(pod: Object) -> list[Object]:
    statuses: list[Object] = pod["status"].get("containerStatuses") or []
    return statuses


Fault = Callable[[Scene], AbstractContextManager[None]]
"""A context that has struck when it is entered, and is over when it is left.

Whatever it needs to be ready (who is primary, which process that is) is found before it strikes; when it is
left it has seen that it did strike.
"""
