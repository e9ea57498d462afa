"""Who moves to another image, and who waits for that: the knowledge across databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.kube.objects import Key
from controller.observe.world import World
from controller.plan.fleet import STUCK_AFTER, Fleet
from tests.worlds import members, world

A, B = "registry/a:1", "registry/b:1"
NOW = datetime(2026, 11, 28, 2, tzinfo=UTC)
ONE, TWO, THREE = Key("shop", "one"), Key("shop", "two"), Key("bank", "three")


def database(template: str, pods: str, *, replicas: int = 2, fit: int = 9, **changes: Any) -> World:  # noqa: ANN401
    """Give a database with that image in its template, and in each pod the one of that letter."""

    def spec(image: str) -> dict[str, Any]:
        return {"spec": {"containers": [{"name": "postgres", "image": image}]}}

    statefulset = {"spec": {"replicas": replicas, "template": spec(template)}}
    made = {f"orders-{n}": spec({"a": A, "b": B}[letter]) for n, letter in enumerate(pods)}
    instances = tuple(replace(i, ready=i.ordinal < fit) for i in members(len(pods)))
    children = {"StatefulSet": {"orders": statefulset}, "Pod": made}
    return replace(world(instances, children=children), **changes)


class Scene:
    """A fleet, whom it woke, and a clock."""

    def __init__(self, **known: World) -> None:
        self.woken: list[Key] = []
        self.now = NOW
        self.fleet = Fleet(lambda: ((Key("shop", name), w) for name, w in known.items()), self.woken.append)

    def others(self, key: Key, around: World) -> dict[str, str]:
        """Run one pass in which nothing changes; gives the images that others move to."""
        moves = self.fleet.look(key, around, self.now)
        self.fleet.decided(key, around, around_image(around), self.now, queued=False)
        return {name: move.image for name, move in moves.items()}

    def begins(self, key: Key) -> None:
        """Have a database begin to move."""
        self.fleet.look(key, database(A, "aa"), self.now)
        self.fleet.decided(key, database(A, "aa"), B, self.now, queued=False)

    def waits(self, key: Key) -> None:
        """Have a database wait for its turn."""
        self.fleet.look(key, database(A, "aa"), self.now)
        self.fleet.decided(key, database(A, "aa"), A, self.now, queued=True)

    def stuck(self, after: timedelta) -> bool:
        """Tell whether ONE is stuck after a while, as another sees it."""
        self.now += after
        return self.fleet.look(TWO, database(A, "aa"), self.now)[str(ONE)].stuck(self.now)


def around_image(around: World) -> str:
    statefulset = around.statefulset
    assert statefulset
    return str(statefulset["spec"]["template"]["spec"]["containers"][0]["image"])


def test_one_that_begins_is_seen_by_others_before_anything_is_written() -> None:
    scene = Scene()
    scene.begins(ONE)
    assert scene.others(TWO, database(A, "aa")) == {"shop/one": B}
    assert scene.others(ONE, database(B, "aa")) == {}


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
        (database(B, "ab", leadership=replace(world(members(2)).leadership, paused=True)), False),
    ],
)
def test_a_move_lasts_until_every_instance_serves_with_the_image(now: World, *, moves: bool) -> None:
    scene = Scene()
    scene.begins(ONE)
    scene.others(ONE, now)
    assert bool(scene.others(TWO, database(A, "aa"))) is moves


def test_a_database_that_lost_an_instance_long_after_its_move_holds_nobody_up() -> None:
    scene = Scene()
    assert scene.others(ONE, database(B, "bb", fit=1)) == {}
    assert scene.others(TWO, database(A, "aa")) == {}


def test_a_fresh_controller_sees_who_is_on_the_way() -> None:
    scene = Scene(one=database(B, "ab"), two=database(A, "aa"))
    assert scene.others(THREE, database(A, "aa")) == {"shop/one": B}


def test_the_one_that_waited_longest_is_woken_when_a_move_ends() -> None:
    scene = Scene()
    scene.begins(ONE)
    scene.waits(TWO)
    scene.waits(THREE)
    scene.waits(TWO)
    assert scene.woken == []
    scene.others(ONE, database(B, "bb"))
    assert scene.woken == [TWO]
    scene.begins(TWO)
    scene.others(TWO, database(B, "bb"))
    assert scene.woken == [TWO, THREE]


def test_one_that_waits_and_then_does_not_want_its_turn_gives_it_to_the_next() -> None:
    scene = Scene()
    scene.waits(TWO)
    scene.waits(THREE)
    scene.others(TWO, database(A, "aa"))
    assert scene.woken == [THREE]


def test_one_that_goes_makes_room() -> None:
    scene = Scene()
    scene.begins(ONE)
    scene.waits(TWO)
    scene.fleet.forget(ONE)
    assert scene.woken == [TWO]
    scene.fleet.forget(TWO)
    scene.fleet.forget(THREE)
    assert scene.woken == [TWO]


def test_one_without_progress_is_stuck_until_it_gets_on() -> None:
    scene = Scene()
    scene.begins(ONE)
    scene.others(ONE, database(B, "aa"))
    assert not scene.stuck(STUCK_AFTER - timedelta(seconds=1))
    assert scene.stuck(timedelta(seconds=1))
    scene.others(ONE, database(B, "ab", fit=1))
    assert not scene.stuck(timedelta(0))
    scene.others(ONE, database(B, "ab", fit=1))
    assert scene.stuck(STUCK_AFTER)
