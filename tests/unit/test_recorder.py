from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from controller.act.recorder import MOST_WAITING, Recorder
from controller.kube.answers import Refused, Unavailable
from controller.kube.leader import LeadershipLost
from tests.objects import Objects

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ORDERS = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "orders", "namespace": "shop", "uid": "u"}}


def told(api: Objects) -> list[str]:
    return [event["note"] for event in api.of("Event")]


@contextmanager
def running(api: Objects) -> Iterator[tuple[Recorder, list[float]]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    recorder = Recorder(api, now=lambda: NOW, sleep=sleep)
    task = asyncio.create_task(recorder.run())
    yield recorder, pauses
    task.cancel()


def record(recorder: Recorder, *messages: str) -> None:
    for message in messages:
        recorder.record(ORDERS, "Normal", "Switchover", message)


async def test_events_are_sent_in_the_order_in_which_they_were_told() -> None:
    api = Objects()
    with running(api) as (recorder, _):
        record(recorder, "a", "b", "c")
        assert told(api) == []
        await recorder.drain(1)
    assert told(api) == ["a", "b", "c"]


async def test_the_same_words_again_count_in_a_series() -> None:
    api = Objects()
    with running(api) as (recorder, _):
        record(recorder, "a", "a", "b", "a")
        await recorder.drain(1)
    assert told(api) == ["a", "b"]
    assert [event.get("series", {}).get("count") for event in api.of("Event")] == [3, None]


async def test_a_refused_event_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    api = Objects(failures=(Refused(403, "the namespace is being terminated"),))
    with running(api) as (recorder, pauses):
        record(recorder, "a", "b")
        await recorder.drain(1)
    assert (told(api), pauses) == (["b"], [])
    assert "about=shop/orders reason=Switchover" in caplog.text
    assert "being terminated" in caplog.text


@pytest.mark.parametrize(("times", "arrives"), [(1, True), (3, True), (4, False)])
async def test_an_api_server_that_is_away_is_asked_again_but_not_for_ever(times: int, arrives: bool) -> None:  # noqa: FBT001
    api = Objects(failures=(Unavailable(0, "refused"),) * times)
    with running(api) as (recorder, pauses):
        record(recorder, "a", "b")
        await recorder.drain(1)
    assert told(api) == (["a", "b"] if arrives else ["b"])
    assert len(pauses) == min(times, 3)


async def test_more_than_may_wait_is_lost_and_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    api = Objects()
    with running(api) as (recorder, _):
        record(recorder, *map(str, range(MOST_WAITING + 7)))
        await recorder.drain(5)
    assert told(api) == list(map(str, range(MOST_WAITING)))
    assert "events=7" in caplog.text


async def test_nobody_waits_longer_for_events_than_was_said(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(Objects(), now=lambda: NOW)
    record(recorder, "a")
    await recorder.drain(0)
    assert "Gave up on events" in caplog.text


async def test_who_lost_the_lease_tells_nothing_more() -> None:
    recorder = Recorder(Objects(failures=(LeadershipLost("lost"),)), now=lambda: NOW)
    record(recorder, "a", "b")
    with pytest.raises(LeadershipLost):
        await recorder.run()
