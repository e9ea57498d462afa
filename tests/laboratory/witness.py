"""Asks every instance, ten times a second and at its own address, whether it accepts writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import psycopg

from tests.laboratory.client import Client
from tests.laboratory.ledger import Sight

PERIOD_SECONDS = 0.1
QUESTION = "SELECT NOT pg_is_in_recovery()"

Addresses = Callable[[], Mapping[str, str]]
"""Gives the address of each instance that there is, by its name."""


class Witness:
    """One thread for each address; an instance that does not answer is not writable for anybody."""

    def __init__(self, settings: Mapping[str, Any], addresses: Addresses) -> None:
        # Standbys are to answer too.
        self._settings = {**settings, "target_session_attrs": "any"}
        self._addresses = addresses
        self._ended = threading.Event()
        self.sights: list[Sight] = []

    def follow(self, threads: ExitStack) -> None:
        """Find new instances until the end."""
        known: set[str] = set()
        while not self._ended.is_set():
            for name, address in self._current().items():
                if address not in known:
                    known.add(address)
                    threads.enter_context(_thread(partial(self._ask, name, address)))
            self._ended.wait(0.5)

    def end(self) -> None:
        """Let all threads finish."""
        self._ended.set()

    def _current(self) -> Mapping[str, str]:
        try:
            return self._addresses()
        except Exception:  # noqa: BLE001 - an API server that a fault took down answers in many ways
            return {}

    def _ask(self, name: str, address: str) -> None:
        with Client({**self._settings, "hostaddr": address}) as client:
            while not self._ended.wait(PERIOD_SECONDS):
                asked = time.monotonic()
                try:
                    ((writable,),) = client.run(QUESTION)
                except psycopg.Error:
                    continue
                self.sights.append(Sight(name, asked, time.monotonic(), bool(writable)))


@contextmanager
def watching(settings: Mapping[str, Any], addresses: Addresses) -> Iterator[Witness]:
    """Have the instances asked meanwhile."""
    witness = Witness(settings, addresses)
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
