"""Who moves to another image, and who waits for that: the knowledge across databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.objects import Key
from controller.memory import Fleet
from controller.observe.instances.editions import Edition
from controller.observe.state import ObservedState
from controller.plan.fleet import CANARY_SERVES, STUCK_AFTER, Others, Proven
from tests.states import members, observed

A, B = "registry/a:1", "registry/b:1"
NOW = datetime(2026, 11, 28, 2, tzinfo=UTC)
ONE, TWO, THREE = Key("shop", "one"), Key("shop", "two"), Key("bank", "three")


def database(template: str, pods: str, *, replicas: int = 2, fit: int = 9, **changes: Any) -> ObservedState:  # noqa: ANN401
    """Give a database with that image in its template, and in each pod the one of that letter."""

    def spec(image: str) -> dict[str, Any]:
        return {"spec": {"containers": [{"name": "postgres", "image": image}]}}

    statefulset = {"spec": {"replicas": replicas, "template": spec(template)}}
    made = {f"orders-{n}": spec({"a": A, "b": B}[letter]) for n, letter in enumerate(pods)}
    instances = tuple(replace(i, ready=i.ordinal < fit) for i in members(len(pods)))
    children = {"StatefulSet": {"orders": statefulset}, "Pod": made}
    return replace(observed(instances, children=children), **changes)


class Harness:
    """A fleet, whom it woke, and a clock."""

    def __init__(self, **known: ObservedState) -> None:
        self.woken: list[Key] = []
        self.now = NOW
        self.fleet = Fleet(lambda: ((Key("shop", name), w) for name, w in known.items()), self.woken.append)

    def others(self, key: Key, around: ObservedState) -> dict[str, str]:
        """Run one pass in which nothing changes; gives the images that others move to."""
        moves = self.fleet.look(key, around, self.now)
        self.fleet.decided(key, around, Edition(around_image(around)), self.now, queued=False)
        return {name: move.edition.image for name, move in moves.moves.items()}

    def begins(self, key: Key) -> None:
        """Have a database begin to move."""
        self.fleet.look(key, database(A, "aa"), self.now)
        self.fleet.decided(key, database(A, "aa"), Edition(B), self.now, queued=False)

    def waits(self, key: Key) -> None:
        """Have a database wait for its turn."""
        self.fleet.look(key, database(A, "aa"), self.now)
        self.fleet.decided(key, database(A, "aa"), Edition(A), self.now, queued=True)

    def canary(self) -> None:
        """Have a first database get the image, and serve with it for long enough."""
        first = Key("shop", "zero")
        self.begins(first)
        self.others(first, database(B, "bb"))
        self.now += CANARY_SERVES
        self.others(first, database(B, "bb"))
        self.woken.clear()

    def stuck(self, after: timedelta) -> bool:
        """Tell whether ONE is stuck after a while, as another sees it."""
        self.now += after
        return self.fleet.look(TWO, database(A, "aa"), self.now).moves[str(ONE)].stuck(self.now)


def around_image(around: ObservedState) -> str:
    statefulset = around.statefulset
    assert statefulset
    return str(statefulset["spec"]["template"]["spec"]["containers"][0]["image"])


def test_one_that_begins_is_seen_by_others_before_anything_is_written() -> None:
    harness = Harness()
    harness.begins(ONE)
    assert harness.others(TWO, database(A, "aa")) == {"shop/one": B}
    assert harness.others(ONE, database(B, "aa")) == {}


@pytest.mark.parametrize(
    ("now", "moves"),
    [
        (database(B, "ab"), True),
        # All have the image, and one does not serve with it yet, or is on its way.
        (database(B, "bb", fit=1), True),
        (database(B, "b"), True),
        (database(B, ""), True),
        (database(B, "bb"), False),
        # Given up, or never written.
        (database(A, "aa"), False),
        (database(B, "", replicas=0), False),
        (database(B, "ab", leadership=replace(observed(members(2)).leadership, paused=True)), False),
    ],
)
def test_a_move_lasts_until_every_instance_serves_with_the_image(now: ObservedState, *, moves: bool) -> None:
    harness = Harness()
    harness.canary()
    harness.begins(ONE)
    harness.others(ONE, now)
    assert bool(harness.others(TWO, database(A, "aa"))) is moves


def test_the_first_counts_until_it_has_served_for_a_while_without_a_break() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.waits(TWO)
    harness.others(ONE, database(B, "bb"))
    # It is woken to learn until when it still waits.
    assert harness.woken == [TWO]
    harness.now += CANARY_SERVES - timedelta(seconds=1)
    harness.others(ONE, database(B, "bb", fit=1))
    harness.others(ONE, database(B, "bb"))
    harness.now += CANARY_SERVES - timedelta(seconds=1)
    assert harness.others(THREE, database(A, "aa")) == {"shop/one": B}
    harness.now += timedelta(seconds=1)
    assert harness.others(THREE, database(A, "aa")) == {}
    assert harness.fleet.look(TWO, database(A, "aa"), harness.now).proven == Proven(frozenset({B}))


def test_one_that_begins_anew_while_its_last_image_is_on_trial_is_seen_by_others() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.others(ONE, database(B, "bb"))
    harness.fleet.look(ONE, database(B, "bb"), harness.now)
    harness.fleet.decided(ONE, database(B, "bb"), Edition(A), harness.now, queued=False)
    assert harness.others(TWO, database(B, "bb")) == {str(ONE): A}


def test_a_first_one_that_served_is_not_stuck_and_one_that_broke_is() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.others(ONE, database(B, "bb"))
    harness.others(ONE, database(B, "bb", fit=1))
    assert harness.stuck(STUCK_AFTER)


def test_a_hibernated_database_proves_nothing() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.others(ONE, database(B, "", replicas=0))
    harness.now += CANARY_SERVES
    assert harness.fleet.look(TWO, database(A, "aa"), harness.now) == Others()


def test_a_database_that_lost_an_instance_long_after_its_move_holds_nobody_up() -> None:
    harness = Harness()
    assert harness.others(ONE, database(B, "bb", fit=1)) == {}
    assert harness.others(TWO, database(A, "aa")) == {}


def test_a_fresh_controller_sees_who_is_on_the_way() -> None:
    harness = Harness(one=database(B, "ab"), two=database(A, "aa"))
    assert harness.others(THREE, database(A, "aa")) == {"shop/one": B}


def test_the_one_that_waited_longest_is_woken_when_a_move_ends() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.waits(TWO)
    harness.waits(THREE)
    harness.waits(TWO)
    assert harness.woken == []
    harness.others(ONE, database(B, "bb"))
    assert harness.woken == [TWO]
    # There may be room for it beside the one that has just begun.
    harness.begins(TWO)
    assert harness.woken == [TWO, THREE]
    harness.others(TWO, database(B, "bb"))
    assert harness.woken == [TWO, THREE, THREE]


def test_one_that_waits_and_then_does_not_want_its_turn_gives_it_to_the_next() -> None:
    harness = Harness()
    harness.waits(TWO)
    harness.waits(THREE)
    harness.others(TWO, database(A, "aa"))
    assert harness.woken == [THREE]


def test_one_that_goes_makes_room() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.waits(TWO)
    harness.fleet.forget(ONE)
    assert harness.woken == [TWO]
    harness.fleet.forget(TWO)
    harness.fleet.forget(THREE)
    assert harness.woken == [TWO]


def test_one_without_progress_is_stuck_until_it_gets_on() -> None:
    harness = Harness()
    harness.begins(ONE)
    harness.others(ONE, database(B, "aa"))
    assert not harness.stuck(STUCK_AFTER - timedelta(seconds=1))
    assert harness.stuck(timedelta(seconds=1))
    harness.others(ONE, database(B, "ab", fit=1))
    assert not harness.stuck(timedelta(0))
    harness.others(ONE, database(B, "ab", fit=1))
    assert harness.stuck(STUCK_AFTER)
