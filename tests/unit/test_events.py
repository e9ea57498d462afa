from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.kube.kinds import DATABASE
from controller.kube.objects import Key
from controller.metrics import Metrics
from controller.watches.cache import Cache
from controller.watches.events import EventHandler
from controller.watches.queue import KeyedQueue
from controller.watches.secret_check import PERIOD, READS_A_MINUTE, READS_EACH, SecretCheck

KEY = Key("shop", "orders")
Manifest = dict[str, Any]


def manifest(name: str = "orders", version: int = 1, **more: object) -> Manifest:
    labels = {"keddah.dev/database": "orders"}
    common = {"namespace": "shop", "name": name, "uid": name, "labels": labels}
    return {"metadata": {**common, "resourceVersion": str(version)}, **more}


class Harness:
    """An intake and where it pours into."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.queue: KeyedQueue[Key] = KeyedQueue(clock=lambda: 0.0, random=lambda: 0.5)
        self.configured = 0
        self.relisted: list[str] = []
        self.intake = EventHandler(
            self.cache,
            self.queue,
            Metrics(),
            configured=self._configure,
            relisted=self.relisted.append,
        )

    def _configure(self) -> None:
        self.configured += 1

    def due(self) -> tuple[Key, set[str]] | None:
        """Take what is due."""
        work = self.queue.pop()
        if work is None:
            return None
        self.queue.done(work.key)
        return work.key, set(work.reasons)


def test_a_changed_child_wakes_its_database_and_says_what_changed() -> None:
    harness = Harness()
    harness.intake.seen(DATABASE, manifest())
    harness.intake.seen("Service", manifest())
    harness.intake.gone("Service", manifest(version=2))
    assert harness.due() == (KEY, {DATABASE, "Service"})
    assert harness.due() is None


def test_noise_wakes_nobody() -> None:
    harness = Harness()
    harness.intake.seen(DATABASE, manifest())
    harness.due()
    harness.intake.seen(DATABASE, manifest(version=2, status={"readyReplicas": 1}))
    assert harness.due() is None


def test_what_a_retained_database_left_behind_wakes_nobody() -> None:
    harness = Harness()
    harness.intake.seen("PersistentVolumeClaim", manifest("data-orders-0"))
    assert harness.due() is None


def test_the_end_of_a_database_is_work() -> None:
    harness = Harness()
    harness.intake.seen(DATABASE, manifest())
    harness.due()
    harness.intake.gone(DATABASE, manifest(version=2))
    assert harness.due() == (KEY, {DATABASE})


def test_a_storage_class_that_appears_wakes_every_database() -> None:
    harness = Harness()
    harness.intake.seen(DATABASE, manifest())
    harness.due()
    harness.intake.seen("StorageClass", {"metadata": {"name": "fast", "uid": "f", "resourceVersion": "3"}})
    assert harness.due() == (KEY, {"StorageClass"})


def test_a_changed_webhook_configuration_wakes_who_keeps_its_certificates() -> None:
    harness = Harness()
    configuration = {"metadata": {"name": "keddah", "uid": "k", "resourceVersion": "3"}}
    harness.intake.seen("ValidatingWebhookConfiguration", configuration)
    harness.intake.seen("ValidatingWebhookConfiguration", configuration)
    assert harness.configured == 1


def test_only_a_list_after_the_first_is_suspicious() -> None:
    harness = Harness()
    harness.intake.listed("Pod")
    assert harness.relisted == []
    harness.intake.filled = True
    harness.intake.listed("Pod")
    assert harness.relisted == ["Pod"]


def check(cache: Cache) -> SecretCheck:
    queue: KeyedQueue[Key] = KeyedQueue(clock=lambda: 0.0, random=lambda: 0.5)
    return SecretCheck(cache, queue, why="verify secrets", random=lambda: 0.5)


def test_the_patrol_visits_each_database_once_a_round() -> None:
    cache = Cache()
    for name in ("a", "b", "c"):
        cache.put(DATABASE, manifest(name))
    guard = check(cache)
    rounds = [[guard.next() for _ in range(3)] for _ in range(2)]
    assert rounds == [[Key("shop", n) for n in ("a", "b", "c")]] * 2


def test_the_patrol_passes_by_who_is_gone_and_finds_who_is_new() -> None:
    cache = Cache()
    guard = check(cache)
    assert guard.next() is None
    for name in ("a", "b"):
        cache.put(DATABASE, manifest(name))
    assert guard.next() == Key("shop", "a")
    cache.drop(DATABASE, manifest("b", 2))
    cache.put(DATABASE, manifest("c"))
    assert [guard.next() for _ in range(2)] == [Key("shop", "a"), Key("shop", "c")]


def test_the_patrol_keeps_to_its_budget() -> None:
    assert READS_A_MINUTE <= 20
    assert PERIOD * READS_A_MINUTE == 60 * READS_EACH


async def test_the_patrol_takes_its_time_after_a_database_with_many_roles() -> None:
    cache, slept = Cache(), list[float]()
    for name in ("a", "b"):
        cache.put(DATABASE, manifest(name))

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 2:
            raise asyncio.CancelledError

    queue: KeyedQueue[Key] = KeyedQueue(clock=lambda: 0.0, random=lambda: 0.5)
    roles = {Key("shop", "a"): 160, Key("shop", "b"): 0}
    guard = SecretCheck(cache, queue, why="x", more=roles.__getitem__, random=lambda: 0.5, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await guard.run()
    assert slept == [PERIOD, PERIOD + 600, PERIOD]
