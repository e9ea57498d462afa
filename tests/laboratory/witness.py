"""Tries to commit a row on every instance, ten times a second, at the instance's own address.

`NOT pg_is_in_recovery()` is not enough: it is also true on a partitioned primary, which acknowledges no
commits. The witness connects from the instance's own node, whose network may be cut off.
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
from tests.laboratory.samples import Sample

PERIOD_SECONDS = 0.1
LOOK_SECONDS = 0.5
AWAY_SECONDS = 5.0
"""Between two searches for new instances; the longer one while the API server does not answer."""
TABLE = "witness"
QUESTION = "SELECT pg_is_in_recovery()"
STATEMENT = f"INSERT INTO {TABLE} VALUES (clock_timestamp())"  # noqa: S608 - a constant


@dataclass(frozen=True)
class Place:
    """An instance's address, and a function that moves the calling thread into its node's network."""

    address: str
    enter: Callable[[], None]


Places = Callable[[], Mapping[str, Place]]
"""Returns the place of each instance by its name."""


class Witness:
    """Runs one thread for each address; an instance that does not answer gives no sample."""

    def __init__(self, settings: Mapping[str, Any], places: Places) -> None:
        # Standbys are probed, too.
        self._settings = {**settings, "target_session_attrs": "any"}
        self._places = places
        self._ended = threading.Event()
        self.samples: list[Sample] = []

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
                if sample := _sample(name, client):
                    self.samples.append(sample)


def _sample(name: str, client: Client) -> Sample | None:
    """Ask whether a commit is acknowledged; None if there is no answer."""
    asked = time.monotonic()
    try:
        ((follows,),) = client.run(QUESTION)
        if not follows:
            # Connecting may have taken seconds, at whose beginning another instance was primary.
            asked = time.monotonic()
            client.run(STATEMENT)
    except psycopg.Error:
        return None
    return Sample(name, asked, time.monotonic(), not follows)


@contextmanager
def watching(settings: Mapping[str, Any], places: Places) -> Iterator[Witness]:
    """Sample the instances meanwhile."""
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
