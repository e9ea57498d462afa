from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.act.recorder import MOST_WAITING, Recorder
from controller.kube.answers import Conflict, Refused, Unavailable
from controller.kube.client import Kube
from controller.kube.leader import LeadershipLost

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ORDERS = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "orders", "namespace": "shop", "uid": "u"}}


class Api(Kube):
    """Keeps events in memory, and fails as often as it was told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.told: list[str] = []
        self.counts: list[int] = []
        self._names: set[str] = set()

    async def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Keep an event."""
        if self.failures:
            raise self.failures.pop(0)
        name = manifest["metadata"]["name"]
        if name in self._names:
            raise Conflict(409, "AlreadyExists")
        self._names.add(name)
        self.told.append(manifest["note"])
        return manifest

    async def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        body: dict[str, Any],
        *,
        resource_version: str | None = None,
    ) -> None:
        """Keep the count of a series."""
        assert (kind, namespace, resource_version) == ("Event", "shop", None)
        assert name in self._names
        self.counts.append(body["series"]["count"])


@contextmanager
def running(api: Api) -> Iterator[tuple[Recorder, list[float]]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    recorder = Recorder(api, now=lambda: NOW, sleep=sleep)
    task = asyncio.create_task(recorder.run())
    yield recorder, pauses
    task.cancel()


def tell(recorder: Recorder, *messages: str) -> None:
    for message in messages:
        recorder.tell(ORDERS, "Normal", "Switchover", message)


async def test_events_are_sent_in_the_order_in_which_they_were_told() -> None:
    api = Api()
    with running(api) as (recorder, _):
        tell(recorder, "a", "b", "c")
        assert api.told == []
        await recorder.drain(1)
    assert api.told == ["a", "b", "c"]


async def test_the_same_words_again_count_in_a_series() -> None:
    api = Api()
    with running(api) as (recorder, _):
        tell(recorder, "a", "a", "b", "a")
        await recorder.drain(1)
    assert (api.told, api.counts) == (["a", "b"], [2, 3])


async def test_a_refused_event_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    api = Api(Refused(403, "the namespace is being terminated"))
    with running(api) as (recorder, pauses):
        tell(recorder, "a", "b")
        await recorder.drain(1)
    assert (api.told, pauses) == (["b"], [])
    assert "about=shop/orders reason=Switchover" in caplog.text
    assert "being terminated" in caplog.text


@pytest.mark.parametrize(("times", "arrives"), [(1, True), (3, True), (4, False)])
async def test_an_api_server_that_is_away_is_asked_again_but_not_for_ever(times: int, arrives: bool) -> None:  # noqa: FBT001
    api = Api(*(Unavailable(0, "refused") for _ in range(times)))
    with running(api) as (recorder, pauses):
        tell(recorder, "a", "b")
        await recorder.drain(1)
    assert api.told == (["a", "b"] if arrives else ["b"])
    assert len(pauses) == min(times, 3)


async def test_more_than_may_wait_is_lost_and_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    with running(api) as (recorder, _):
        tell(recorder, *map(str, range(MOST_WAITING + 7)))
        await recorder.drain(5)
    assert api.told == list(map(str, range(MOST_WAITING)))
    assert "events=7" in caplog.text


async def test_nobody_waits_longer_for_events_than_was_said(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(Api(), now=lambda: NOW)
    tell(recorder, "a")
    await recorder.drain(0)
    assert "Gave up on events" in caplog.text


async def test_who_lost_the_lease_tells_nothing_more() -> None:
    recorder = Recorder(Api(LeadershipLost("lost")), now=lambda: NOW)
    tell(recorder, "a", "b")
    with pytest.raises(LeadershipLost):
        await recorder.run()
