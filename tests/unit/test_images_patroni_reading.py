"""Which threads of a member read the cluster's state anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.images.patroni.reading import by_this_thread


@dataclass
class Store:
    """What was read last."""

    cluster: str | None


def test_other_threads_are_given_what_the_ha_loop_has_read() -> None:
    """A request that read a newer lock would have the HA loop take it from its holder."""
    store, reads = Store("read before"), iter(("first", "second", "third"))
    read = by_this_thread(store, lambda: next(reads))
    with ThreadPoolExecutor(1) as requests:
        assert read() == "first"
        assert requests.submit(read).result() == "read before"
        assert read() == "second"
        # Where the loop has read nothing for a while, there is nothing else to answer by.
        store.cluster = None
        assert requests.submit(read).result() == "third"
