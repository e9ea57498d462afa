"""Which threads of a member read the cluster's state anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from deploy.images.patroni.reading import LOOK_SECONDS, WAIT_SECONDS, by_this_thread


class StoreError(Exception):
    """Patroni's, where the API server does not answer."""


@dataclass
class Store:
    """What was read last, a clock, and what comes while somebody waits."""

    cluster: str | None
    now: float = 0.0
    coming: dict[float, str] = field(default_factory=dict)

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.now = round(self.now + seconds, 1)
        self.cluster = self.coming.get(self.now, self.cluster)

    def read(self) -> str:
        """Read, as the HA loop alone may."""
        return "read"


def of_another_thread(store: Store) -> str:
    read = by_this_thread(store, store.read, StoreError, lambda: store.now, store.pause)
    assert read() == "read"
    with ThreadPoolExecutor(1) as requests:
        return str(requests.submit(read).result())


def test_other_threads_are_given_what_the_ha_loop_has_read() -> None:
    """A request that read a newer lock would have the HA loop take it from its holder."""
    store = Store("read before")
    assert of_another_thread(store) == "read before"
    assert store.now == 0


def test_they_wait_for_the_ha_loop_after_a_failed_look_or_a_released_lock() -> None:
    store = Store(None, coming={3.0: "read again"})
    assert of_another_thread(store) == "read again"
    assert store.now == 3


def test_they_never_read_themselves_where_nothing_comes() -> None:
    store = Store(None)
    with pytest.raises(StoreError):
        of_another_thread(store)
    assert WAIT_SECONDS <= store.now <= WAIT_SECONDS + LOOK_SECONDS
