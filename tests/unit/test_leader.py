from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.answers import Conflict, Refused, Unavailable
from controller.kube.leader import DURATION, RENEW_DEADLINE, RENEW_EVERY, Leader, LeadershipLost, LeaseTerm

Manifest = dict[str, Any]
EPOCH = datetime(2026, 11, 23, tzinfo=UTC)


class Server:
    """An API server that keeps one Lease, and the time that everybody lives in."""

    def __init__(self) -> None:
        self.time = 0.0
        self.lease: Manifest | None = None
        self.down = False
        self.writes = 0
        self.reads = 0
        self._version = 0

    async def get(self, _kind: str, _namespace: str | None, _name: str) -> Manifest | None:
        """Read it."""
        self._answer()
        self.reads += 1
        return self.lease

    async def create(self, manifest: Manifest) -> Manifest:
        """Create it unless it is there."""
        self._answer()
        if self.lease is not None:
            raise Conflict(409, "exists")
        return self._store(manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace it unless it has changed."""
        self._answer()
        if self.lease is None:
            raise Refused(404, "gone")
        if manifest["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict(409, "changed")
        return self._store(manifest)

    def clock(self) -> float:
        """Seconds since the test began."""
        return self.time

    def now(self) -> datetime:
        """Tell the date."""
        return EPOCH + timedelta(seconds=self.time)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable(0, "no answer")

    def _store(self, manifest: Manifest) -> Manifest:
        self.writes += 1
        self._version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self._version)}
        self.lease = {**manifest, "metadata": metadata}
        return self.lease


class Ended(Exception):  # noqa: N818
    """The script of a test is over."""


class Replica:
    """A replica that calls `script`, step by step, whenever it sleeps."""

    def __init__(self, server: Server, identity: str) -> None:
        self.server = server
        self.term = LeaseTerm(server.clock)
        self.slept: list[float] = []
        self.script: list[Any] = []
        self.leader = Leader(
            server,
            self.term,
            namespace="keddah-system",
            identity=identity,
            clock=server.clock,
            now=server.now,
            random=lambda: 0.5,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.server.time += seconds
        if not self.script:
            raise Ended
        step = self.script.pop(0)
        if step is not None:
            step()


def holder(server: Server) -> str:
    assert server.lease is not None
    return str(server.lease["spec"]["holderIdentity"])


async def test_the_first_replica_takes_the_lease_at_once() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()
    assert holder(server) == "one"
    assert first.slept == []
    assert first.term.left == RENEW_DEADLINE


async def test_a_renewal_is_one_write_and_no_read() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()
    reads, writes = server.reads, server.writes
    first.script = [None] * 12
    with pytest.raises(Ended):
        await first.leader.hold()
    assert server.reads == reads
    assert server.writes - writes == 12
    assert server.time == 13 * RENEW_EVERY


async def test_a_second_replica_waits_while_the_first_renews() -> None:
    server = Server()
    first, second = Replica(server, "one"), Replica(server, "two")
    await first.leader.acquire()

    def renew() -> None:
        assert server.lease is not None
        server._store(server.lease)

    second.script = [renew] * 20
    with pytest.raises(Ended):
        await second.leader.acquire()
    assert holder(server) == "one"


async def test_a_second_replica_takes_over_after_the_duration_without_a_renewal() -> None:
    server = Server()
    first, second = Replica(server, "one"), Replica(server, "two")
    await first.leader.acquire()
    second.script = [None] * 10
    await second.leader.acquire()
    assert holder(server) == "two"
    assert server.time == DURATION
    assert first.term.left == 0, "the first stopped acting before the second could begin"


async def test_a_released_lease_is_taken_at_the_next_look() -> None:
    server = Server()
    first, second = Replica(server, "one"), Replica(server, "two")
    await first.leader.acquire()
    await first.leader.release()
    await second.leader.acquire()
    assert holder(server) == "two"
    assert second.slept == []
    with pytest.raises(LeadershipLost):
        first.term.check()


async def test_the_next_container_of_the_same_pod_goes_on_at_once() -> None:
    server = Server()
    await Replica(server, "one").leader.acquire()
    again = Replica(server, "one")
    await again.leader.acquire()
    assert again.slept == []


async def test_no_answer_for_the_renew_deadline_is_the_end_before_another_may_begin() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()

    def go_down() -> None:
        server.down = True

    first.script = [go_down, *([None] * 30)]
    with pytest.raises(LeadershipLost):
        await first.leader.hold()
    assert RENEW_DEADLINE <= server.time < DURATION


async def test_a_short_silence_is_survived() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()

    def down(state: bool) -> Any:  # noqa: ANN401, FBT001
        return lambda: setattr(server, "down", state)

    first.script = [down(True), None, down(False), None, None]
    with pytest.raises(Ended):
        await first.leader.hold()
    assert holder(server) == "one"
    assert first.term.left > 0


async def test_who_finds_another_holder_stops_at_once() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()

    def steal() -> None:
        assert server.lease is not None
        server._store({**server.lease, "spec": {**server.lease["spec"], "holderIdentity": "thief"}})

    first.script = [steal, None, None]
    with pytest.raises(LeadershipLost, match="thief"):
        await first.leader.hold()
    assert first.term.left == 0


async def test_somebody_elses_note_on_the_lease_does_not_end_the_term() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()

    def annotate() -> None:
        assert server.lease is not None
        server._store(server.lease)

    first.script = [annotate, None]
    with pytest.raises(Ended):
        await first.leader.hold()
    assert holder(server) == "one"


async def test_a_deleted_lease_is_made_anew() -> None:
    server = Server()
    first = Replica(server, "one")
    await first.leader.acquire()
    first.script = [lambda: setattr(server, "lease", None), None]
    with pytest.raises(Ended):
        await first.leader.hold()
    assert holder(server) == "one"


async def test_the_loser_of_a_race_waits() -> None:
    server = Server()
    first, second = Replica(server, "one"), Replica(server, "two")
    await first.leader.acquire()
    await first.leader.release()
    read = server.lease
    await second.leader.acquire()
    late = Replica(server, "three")

    async def stale(*_: object) -> Manifest | None:
        return read

    late.server = server
    server.get = stale  # type: ignore[method-assign, assignment]
    with pytest.raises(Ended):
        await late.leader.acquire()
    assert holder(server) == "two"


async def test_a_silent_api_server_is_waited_for_at_the_start() -> None:
    server = Server()
    server.down = True
    first = Replica(server, "one")
    first.script = [None, None, lambda: setattr(server, "down", False)]
    await first.leader.acquire()
    assert holder(server) == "one"
