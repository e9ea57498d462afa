from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.kube.answers import Unavailable
from controller.kube.client import Kube, Listing
from controller.kube.kinds import DATABASE, WATCHED
from controller.kube.objects import Key
from controller.watches.cache import Cache
from controller.watches.resync import Resync

if TYPE_CHECKING:
    from collections.abc import Callable

Manifest = dict[str, Any]
KEY = Key("shop", "orders")


def manifest(name: str, version: int) -> Manifest:
    labels = {"keddah.dev/database": "orders"}
    common = {"namespace": "shop", "name": name, "uid": name, "labels": labels}
    return {"metadata": {**common, "resourceVersion": str(version)}}


class Cluster(Kube):
    """A cluster of Services; every other kind is empty."""

    def __init__(self) -> None:
        self.services: dict[str, Manifest] = {}
        self.version = 100
        self.failures = 0
        self.lists: list[tuple[str, str, str]] = []

    async def list_metadata(
        self, kind: str, _namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> Listing:
        """List what is there."""
        self.lists.append((kind, labels, fields))
        if self.failures:
            self.failures -= 1
            raise Unavailable(503, "later")
        items = list(self.services.values()) if kind == "Service" else []
        return Listing(items, self.version)

    async def get(self, _kind: str, _namespace: str | None, name: str) -> Manifest | None:
        """Read one."""
        return self.services.get(name)


class Harness:
    """A cluster, what the cache knows of it, and who was woken."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.cache = Cache()
        self.woken: list[tuple[str, Key | None]] = []
        self.slept = 0.0
        self.meanwhile: Callable[[], object] = lambda: None
        self.resync = Resync(
            self.cluster,
            self.cache,
            WATCHED,
            selectors=lambda kind: ("label", "field") if kind == "Service" else ("", ""),
            enqueue=lambda kind, key: self.woken.append((kind, key)),
            random=lambda: 0.5,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.meanwhile()


async def test_a_store_that_is_right_is_left_alone() -> None:
    harness = Harness()
    harness.cluster.services["a"] = manifest("a", 5)
    harness.cache.put("Service", manifest("a", 5))
    assert await harness.resync.check("Service") == 0
    assert harness.woken == []
    assert harness.cluster.lists == [("Service", "label", "field")]


async def test_what_was_deleted_while_nobody_watched_is_dropped_and_its_database_woken() -> None:
    harness = Harness()
    harness.cache.put("Service", manifest("a", 5))
    assert await harness.resync.check("Service") == 1
    assert harness.woken == [("Service", KEY)]
    assert harness.cache.children(KEY) == {}


async def test_what_is_newer_than_the_list_is_not_dropped() -> None:
    harness = Harness()
    harness.cache.put("Service", manifest("a", 101))
    assert await harness.resync.check("Service") == 0
    assert list(harness.cache.children(KEY)["Service"]) == ["a"]


async def test_what_no_watch_told_of_is_read() -> None:
    harness = Harness()
    harness.cluster.services["a"] = manifest("a", 5)
    assert await harness.resync.check("Service") == 1
    assert harness.woken == [("Service", KEY)]
    assert list(harness.cache.children(KEY)["Service"]) == ["a"]


async def test_what_the_watch_tells_a_moment_later_is_no_finding() -> None:
    harness = Harness()
    harness.cluster.services["a"] = manifest("a", 5)
    harness.meanwhile = lambda: harness.cache.put("Service", manifest("a", 5))
    assert await harness.resync.check("Service") == 0


async def test_what_is_gone_by_the_time_it_is_read_is_no_finding() -> None:
    harness = Harness()
    harness.cluster.services["a"] = manifest("a", 5)
    harness.meanwhile = harness.cluster.services.clear
    assert await harness.resync.check("Service") == 0


async def test_the_caches_of_an_empty_cluster_are_filled_by_one_list_a_kind() -> None:
    harness = Harness()
    await harness.resync.fill()
    assert [kind for kind, _, _ in harness.cluster.lists] == list(WATCHED)
    assert DATABASE in WATCHED


async def test_the_caches_are_not_filled_before_every_listed_object_is_known() -> None:
    harness = Harness()
    harness.cluster.services["a"] = manifest("a", 5)
    waited: list[float] = []

    def arrive_late() -> None:
        waited.append(harness.slept)
        if len(waited) == 30:
            harness.cache.put("Service", manifest("a", 5))

    harness.meanwhile = arrive_late
    await harness.resync.fill()
    assert len(waited) == 30


async def test_an_object_that_went_before_it_was_told_does_not_hold_up_the_start() -> None:
    harness = Harness()
    harness.cluster.services["a"] = manifest("a", 5)

    def go() -> None:
        if harness.slept > 2:
            harness.cluster.services.clear()

    harness.meanwhile = go
    await harness.resync.fill()
    assert harness.slept < 10


async def test_a_failed_list_is_ignorance_and_not_emptiness() -> None:
    harness = Harness()
    harness.cluster.failures = 3
    await harness.resync.fill()
    assert [kind for kind, _, _ in harness.cluster.lists][:4] == [WATCHED[0]] * 4


async def test_a_suspected_kind_is_audited_at_once_and_only_once() -> None:
    harness = Harness()
    for _ in range(5):
        harness.resync.suspect("Service")

    class EndedError(Exception):
        pass

    async def check(kind: str) -> int:
        assert kind == "Service"
        raise EndedError

    harness.resync.check = check  # type: ignore[method-assign]
    with pytest.raises(EndedError):
        await harness.resync.run()
    assert harness.resync._suspected.empty()
