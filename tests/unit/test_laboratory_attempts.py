from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.laboratory.attempts import first


class Connection(psycopg.Connection[Any]):
    """As psycopg's, as far as it is used."""

    def __init__(self) -> None:  # no line, as psycopg's has
        self.ended = threading.Event()

    def close(self) -> None:
        """Note it."""
        self.ended.set()


def connecting(*attempts: Callable[[], Connection]) -> Any:  # noqa: ANN401 - in place of psycopg's
    """Let the attempts end one after the other as they do."""
    begun = iter(attempts)

    def connect() -> Connection:
        return next(begun)()

    return connect


def refused() -> Connection:
    raise psycopg.OperationalError


def test_the_first_connection_is_taken() -> None:
    made = Connection()
    assert first(connecting(lambda: made), 10) is made
    assert not made.ended.is_set()


def test_a_refusal_is_told_at_once() -> None:
    with pytest.raises(psycopg.OperationalError):
        first(connecting(refused), 10)


def test_another_attempt_begins_while_the_first_hangs_and_what_comes_late_is_closed() -> None:
    go_on = threading.Event()
    late, made = Connection(), Connection()

    def hang() -> Connection:
        go_on.wait(10)
        return late

    assert first(connecting(hang, lambda: made), 0.05) is made
    go_on.set()
    assert late.ended.wait(10)
    assert not made.ended.is_set()


def test_a_late_refusal_is_told_to_nobody() -> None:
    go_on, over = threading.Event(), threading.Event()
    made = Connection()

    def hang() -> Connection:
        go_on.wait(10)
        over.set()
        return refused()

    assert first(connecting(hang, lambda: made), 0.05) is made
    go_on.set()
    assert over.wait(10)
