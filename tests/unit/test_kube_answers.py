from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from controller.kube.answers import Conflict, KubeError, Refused, Unavailable, read
from controller.kube.objects import micro_time
from controller.report.events import Series, event

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (0, Unavailable),
        (401, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (409, Conflict),
        (400, Refused),
        (403, Refused),
        (404, Refused),
        (422, Refused),
    ],
)
def test_an_answer_that_is_none_says_whether_asking_again_may_help(
    status: int, error: type[KubeError]
) -> None:
    with pytest.raises(error, match="get /pods: no way") as raised:
        read(status, b'{"kind": "Status", "message": "no way"}', "get /pods")
    assert raised.value.status == status


@pytest.mark.parametrize("content", [b"<html>", b"", b"[]", b"{}", b"\xff"])
def test_whatever_else_was_answered_is_shown(content: bytes) -> None:
    with pytest.raises(Unavailable):
        read(502, content, "get /pods")


def test_a_moment_is_written_in_utc_with_microseconds() -> None:
    assert micro_time(NOW) == "2026-01-02T03:04:05.000006Z"
    assert micro_time(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02T03:04:05.000006Z"


def test_the_same_words_make_the_same_event_and_others_another() -> None:
    metadata = {"name": "orders", "namespace": "shop", "uid": "u"}
    about = {"apiVersion": "v1", "kind": "X", "metadata": metadata}
    first = event(about, "Normal", "Switchover", "a", NOW)["metadata"]["name"]
    assert event(about, "Normal", "Switchover", "a", NOW + timedelta(days=1))["metadata"]["name"] == first
    assert event(about, "Normal", "Switchover", "b", NOW)["metadata"]["name"] != first
    assert len(event(about, "Normal", "Switchover", "x" * 5000, NOW)["note"]) == 1024


def test_a_series_counts_from_the_second_telling_and_forgets_the_oldest() -> None:
    series = Series()
    assert [series.next("a"), series.next("a"), series.next("b")] == [2, 3, 2]
    for number in range(2000):
        series.next(str(number))
    assert series.next("a") == 2


def test_a_field_that_the_schema_does_not_have_is_refused_though_the_answer_is_500() -> None:
    message = "failed to create typed patch object (shop/orders; apps/v1): .spec.x: field not declared"
    content = json.dumps({"kind": "Status", "message": message}).encode()
    with pytest.raises(Refused, match="field not declared"):
        read(500, content, "apply StatefulSet orders")
