"""How long an instance has made no progress, and what ends the count."""

from __future__ import annotations

from typing import Any

import pytest

from controller.kube.objects import Key
from controller.observe.instances.instance import Instance
from controller.observe.instances.progress import Progress
from tests.states import claim, pod

KEY = Key("shop", "orders")
BEHIND = {"ready": False, "streaming": False}


class Watch:
    """A clock, and what is remembered by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.progress = Progress(lambda: self.now)

    def after(self, seconds: float, instance: Instance, holder: str = "orders-0") -> float | None:
        """Look at one instance so many seconds later."""
        self.now += seconds
        return self.progress.look(KEY, [instance], holder).get(instance.uid)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def standby(**changes: Any) -> Instance:  # noqa: ANN401
    return pod(1, **(BEHIND | changes))


def test_a_standby_that_stands_still_is_counted(watch: Watch) -> None:
    assert [watch.after(10, standby()) for _ in range(3)] == [0, 10, 20]


@pytest.mark.parametrize(
    "change",
    [
        {"position": 1001},
        {"start_id": "another"},
        {"state": "start failed"},
        {"rebuilds": 1},
    ],
)
def test_any_change_begins_a_new_count(watch: Watch, change: dict[str, Any]) -> None:
    watch.after(0, standby())
    assert watch.after(10, standby(**change)) == 0


def test_a_server_that_does_not_start_is_counted_anew_with_another_configuration(watch: Watch) -> None:
    def failed(version: str) -> Instance:
        return standby(state="start failed", configuration=version)

    assert [watch.after(60, failed(version)) for version in ("old", "old", "new", "new")] == [0, 60, 0, 60]


def test_another_primary_begins_a_new_count(watch: Watch) -> None:
    watch.after(0, standby())
    assert watch.after(10, standby(), "orders-2") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"ready": True, "streaming": True},
        {"streaming": True},
        {"state": "creating replica"},
        {"uid": "another", "state": ""},
    ],
)
def test_one_that_gets_on_has_no_count(watch: Watch, change: dict[str, Any]) -> None:
    assert watch.after(10, standby(**change)) is None


def test_the_holder_of_the_lock_has_no_count(watch: Watch) -> None:
    assert watch.after(10, standby(), "orders-1") is None


def test_a_recovery_is_counted_and_what_follows_it_begins_anew(watch: Watch) -> None:
    assert watch.after(0, standby(state="starting")) == 0
    assert watch.after(30, standby(state="starting")) == 30
    assert watch.after(10, standby()) == 0


def test_a_copy_ends_the_count(watch: Watch) -> None:
    watch.after(0, standby())
    watch.after(10, standby(state="creating replica"))
    assert watch.after(10, standby()) == 0


def test_one_that_has_got_something_is_given_all_its_time_again(watch: Watch) -> None:
    watch.after(0, standby())
    assert watch.after(100, standby()) == 100
    assert watch.after(1, standby(position=1001, streaming=True)) is None
    assert [watch.after(1, standby(position=1001)), watch.after(10, standby(position=1001))] == [0, 10]


@pytest.mark.parametrize("moment", [{"streaming": True}, {"streaming": True, "ready": True}])
def test_one_that_streams_for_moments_and_gets_nothing_is_counted_on(
    watch: Watch, moment: dict[str, Any]
) -> None:
    """As where the WAL that it asks for was removed: each request is refused a moment after its beginning."""
    moments: list[dict[str, Any]] = [{}, moment, {}, moment, {}]
    assert [watch.after(15, standby(**each)) for each in moments] == [0, 15, 30, 45, 60]


def test_one_that_follows_for_a_while_has_no_count_though_there_is_nothing_new(watch: Watch) -> None:
    watch.after(0, standby())
    well = [watch.after(10, standby(streaming=True, ready=True)) for _ in range(3)]
    assert well == [10, 20, None]
    assert watch.after(10, standby()) == 0


def test_another_primary_ends_the_count_of_failed_starts_whatever_is_between_them(watch: Watch) -> None:
    watch.after(0, standby(state="start failed"))
    assert watch.after(50, standby(state="starting"), "orders-2") == 0
    assert watch.after(1, standby(state="start failed"), "orders-2") == 0


def test_a_switchover_and_back_is_two_beginnings(watch: Watch) -> None:
    watch.after(0, standby())
    watch.after(30, standby(), "orders-2")
    assert watch.after(10, standby()) == 0


def test_failed_starts_are_one_count_whatever_is_between_them(watch: Watch) -> None:
    watch.after(0, standby(state="start failed"))
    for state in ("starting", "stopped", "crashed"):
        watch.after(10, standby(state=state))
    assert watch.after(10, standby(state="start failed")) == 40


def test_a_database_that_is_gone_is_forgotten(watch: Watch) -> None:
    watch.after(0, standby())
    watch.progress.forget(KEY)
    assert watch.after(10, standby()) == 0


def test_copies_are_forgiven_after_an_hour_without_interruption(watch: Watch) -> None:
    def forgiven(seconds: float, **changes: Any) -> int:  # noqa: ANN401
        watch.now += seconds
        return watch.progress.forgiven(KEY, [pod(1, rebuilds=2, **changes)]).get("uid-1", 0)

    assert forgiven(0) == 0
    assert forgiven(3599) == 0
    assert forgiven(1, ready=False) == 2
    # A moment later it is copied anew, and that one copy counts.
    watch.progress.forgiven(KEY, [pod(1, rebuilds=3)])
    assert forgiven(3599, ready=False) == 2
    watch.progress.forget(KEY)
    assert forgiven(0) == 0
    assert forgiven(3000, ready=False) == 0
    assert forgiven(3000) == 0
    assert forgiven(3000) == 0


def test_a_standby_whose_disk_is_full_begins_its_count_when_it_has_room(watch: Watch) -> None:
    watch.after(0, standby(state="start failed"))
    assert watch.after(60, standby(state="start failed", disk_full=True)) is None
    assert watch.after(60, standby(state="start failed")) == 0


def test_a_volume_has_grown_for_ten_seconds_and_one_that_was_never_seen_smaller_has_not(watch: Watch) -> None:
    def grown(seconds: float, capacity: str | None) -> list[str]:
        watch.now += seconds
        return list(watch.progress.grown(KEY, [claim(0, capacity=capacity)]))

    assert grown(0, None) == []
    assert grown(1, "10Gi") == []
    assert grown(1, "20Gi") == ["data-orders-0"]
    assert grown(9, "20Gi") == ["data-orders-0"]
    assert grown(1, "20Gi") == []
    watch.progress.forget(KEY)
    assert grown(1, "30Gi") == []


def test_one_whose_data_is_useless_is_counted_whatever_its_server_tries_meanwhile(watch: Watch) -> None:
    states = [
        ("stopped", None),
        ("starting", None),
        ("running", 1000),
        ("start failed", None),
        ("running", 900),
    ]
    tries = [standby(state=state, position=at, damage="diverged") for state, at in states]
    assert [watch.after(10, attempt) for attempt in tries] == [0, 10, 20, 30, 40]
    assert watch.after(10, standby(state="stopped", damage="control-file")) == 0
    assert watch.after(10, standby(state="creating replica", damage="control-file")) is None
    assert watch.after(10, standby(state="stopped", damage="control-file", rebuilds=1)) == 0
