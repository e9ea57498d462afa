"""Slots of members are Patroni's; those of others are left alone, and reported."""

from __future__ import annotations

import pytest

from controller.protocol.member import LOST
from deploy.images.patroni.slots import HELD, LOOK_SECONDS, HeldSlots, ignoring_others, own, watch


class EnoughError(Exception):
    """The test has seen what it wanted."""


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("my_orders_0", True),
        ("my_orders_12", True),
        ("my_orders_x", False),
        ("debezium", False),
        ("orders_0", False),
    ],
)
def test_only_the_slots_of_members_are_patronis(name: str, *, ours: bool) -> None:
    assert own(name, "my-orders") is ours
    asked: list[str] = []

    def ignored(_: object, slot: str) -> bool:
        asked.append(slot)
        return False

    assert ignoring_others(ignored, "my-orders")(None, name) is not ours
    assert asked == ([name] if ours else [])


@pytest.mark.parametrize(("held", "told"), [(0, 0), (63, 0), (64, 64), (127, 64), (128, 128), (5000, 4096)])
def test_what_a_slot_holds_is_told_in_doubles(held: int, told: int) -> None:
    slots = HeldSlots("orders")
    assert slots.changed([("debezium", held), ("orders_1", 9000)]) is bool(told)
    assert slots.held == ({"debezium": told} if told else {})
    assert not slots.changed([("debezium", held)])


def test_a_slot_that_became_invalid_is_told_until_it_is_gone() -> None:
    slots = HeldSlots("orders")
    assert slots.changed([("debezium", LOST), ("orders_1", LOST)])
    assert slots.held == {"debezium": LOST}
    assert not slots.changed([("debezium", LOST)])
    assert slots.changed([])


def test_the_member_is_written_when_the_tag_changes() -> None:
    answers = iter([[("cdc", 100)], [("cdc", 110)], []])
    woken: list[int] = []
    asked: list[str] = []

    def ask(statement: str) -> list[tuple[str, int]]:
        asked.append(statement)
        found = next(answers, None)
        if found is None:
            raise EnoughError
        return found

    def pause(seconds: float) -> None:
        assert seconds == LOOK_SECONDS

    with pytest.raises(EnoughError):
        watch(HeldSlots("orders"), ask, lambda: woken.append(len(asked)), pause)
    assert woken == [1, 3]
    assert set(asked) == {HELD}
