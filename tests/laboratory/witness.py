"""Asks every instance, ten times a second and at its own address, to commit a row.

That it is in no recovery is not enough: a primary that is cut off or wakes from a freeze says so too, and
yet nothing that is written to it is acknowledged. It is asked on its own node, whose network may be cut.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from tests.laboratory.client import Client
from tests.laboratory.sights import Sight

PERIOD_SECONDS = 0.1
LOOK_SECONDS = 0.5
AWAY_SECONDS = 5.0
"""Between two looks for new instances, and while nobody tells of any: the API server is away."""
TABLE = "witness"
QUESTION = "SELECT pg_is_in_recovery()"
STATEMENT = f"INSERT INTO {TABLE} VALUES (clock_timestamp())"  # noqa: S608 - a constant


@dataclass(frozen=True)
class Place:
    """Where an instance is: its address, and what takes a thread to its node."""

    address: str
    enter: Callable[[], None]


Places = Callable[[], Mapping[str, Place]]
"""Gives the place of each instance that there is, by its name."""


class Witness:
    """One thread for each address; an instance that does not answer is not writable for anybody."""

    def __init__(self, settings: Mapping[str, Any], places: Places) -> None:
        # Standbys are to answer too.
        self._settings = {**settings, "target_session_attrs": "any"}
        self._places = places
        self._ended = threading.Event()
        self.sights: list[Sight] = []

    def follow(self, threads: ExitStack) -> None:
        """Find new instances until the end."""
        known: set[str] = set()
        while not self._ended.is_set():
            places = self._current()
            for name, place in places.items():
                if place.address not in known:
                    known.add(place.address)
                    threads.enter_context(_thread(partial(self._ask, name, place)))
            self._ended.wait(LOOK_SECONDS if places else AWAY_SECONDS)

    def end(self) -> None:
        """Let all threads finish."""
        self._ended.set()

    def _current(self) -> Mapping[str, Place]:
        try:
            return self._places()
        except Exception:  # noqa: BLE001 - an API server that a fault took down answers in many ways
            return {}

    def _ask(self, name: str, place: Place) -> None:
        place.enter()
        with Client({**self._settings, "hostaddr": place.address}) as client:
            while not self._ended.wait(PERIOD_SECONDS):
                asked = time.monotonic()
                writable = _commits(client)
                if writable is not None:
                    self.sights.append(Sight(name, asked, time.monotonic(), writable))


def _commits(client: Client) -> bool | None:
    """Tell whether a row is acknowledged; None when there is no answer."""
    try:
        ((follows,),) = client.run(QUESTION)
        if not follows:
            client.run(STATEMENT)
    except psycopg.Error:
        return None
    return not follows


@contextmanager
def watching(settings: Mapping[str, Any], places: Places) -> Iterator[Witness]:
    """Have the instances asked meanwhile."""
    witness = Witness(settings, places)
    with ExitStack() as threads:
        try:
            with _thread(lambda: witness.follow(threads)):
                try:
                    yield witness
                finally:
                    witness.end()
        finally:
            witness.end()


@contextmanager
def _thread(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=40)
