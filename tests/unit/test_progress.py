from __future__ import annotations

from typing import Any

import pytest

from controller.kube.objects import Key
from controller.observe.progress import Progress
from controller.observe.world import Instance
from tests.worlds import claim, pod

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
        {"state": "starting"},
        {"uid": "another", "state": ""},
    ],
)
def test_one_that_gets_on_has_no_count(watch: Watch, change: dict[str, Any]) -> None:
    assert watch.after(10, standby(**change)) is None


def test_the_holder_of_the_lock_has_no_count(watch: Watch) -> None:
    assert watch.after(10, standby(), "orders-1") is None


def test_a_copy_ends_the_count(watch: Watch) -> None:
    watch.after(0, standby())
    watch.after(10, standby(state="creating replica"))
    assert watch.after(10, standby()) == 0


def test_one_that_followed_for_a_moment_is_given_all_its_time_again(watch: Watch) -> None:
    watch.after(0, standby())
    assert watch.after(100, standby()) == 100
    assert watch.after(1, standby(streaming=True)) is None
    assert [watch.after(1, standby()), watch.after(10, standby())] == [0, 10]


def test_another_primary_ends_the_count_of_failed_starts_whatever_is_between_them(watch: Watch) -> None:
    watch.after(0, standby(state="start failed"))
    assert watch.after(50, standby(state="starting"), "orders-2") is None
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
