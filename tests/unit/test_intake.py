from __future__ import annotations

from typing import Any

from controller.kube.kinds import DATABASE
from controller.kube.objects import Key
from controller.metrics import Metrics
from controller.watches.intake import Intake
from controller.watches.queue import KeyedQueue
from controller.watches.secret_patrol import PERIOD, READS_A_MINUTE, READS_EACH, SecretPatrol
from controller.watches.store import Store

KEY = Key("shop", "orders")
Manifest = dict[str, Any]


def manifest(name: str = "orders", version: int = 1, **more: object) -> Manifest:
    labels = {"keddah.dev/database": "orders"}
    common = {"namespace": "shop", "name": name, "uid": name, "labels": labels}
    return {"metadata": {**common, "resourceVersion": str(version)}, **more}


class Scene:
    """An intake and where it pours into."""

    def __init__(self) -> None:
        self.store = Store()
        self.queue: KeyedQueue[Key] = KeyedQueue(clock=lambda: 0.0, random=lambda: 0.5)
        self.configured = 0
        self.relisted: list[str] = []
        self.intake = Intake(
            self.store,
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
    scene = Scene()
    scene.intake.seen(DATABASE, manifest())
    scene.intake.seen("Service", manifest())
    scene.intake.gone("Service", manifest(version=2))
    assert scene.due() == (KEY, {DATABASE, "Service"})
    assert scene.due() is None


def test_noise_wakes_nobody() -> None:
    scene = Scene()
    scene.intake.seen(DATABASE, manifest())
    scene.due()
    scene.intake.seen(DATABASE, manifest(version=2, status={"readyReplicas": 1}))
    assert scene.due() is None


def test_what_a_retained_database_left_behind_wakes_nobody() -> None:
    scene = Scene()
    scene.intake.seen("PersistentVolumeClaim", manifest("data-orders-0"))
    assert scene.due() is None


def test_the_end_of_a_database_is_work() -> None:
    scene = Scene()
    scene.intake.seen(DATABASE, manifest())
    scene.due()
    scene.intake.gone(DATABASE, manifest(version=2))
    assert scene.due() == (KEY, {DATABASE})


def test_a_storage_class_that_appears_wakes_every_database() -> None:
    scene = Scene()
    scene.intake.seen(DATABASE, manifest())
    scene.due()
    scene.intake.seen("StorageClass", {"metadata": {"name": "fast", "uid": "f", "resourceVersion": "3"}})
    assert scene.due() == (KEY, {"StorageClass"})


def test_a_changed_webhook_configuration_wakes_who_keeps_its_certificates() -> None:
    scene = Scene()
    configuration = {"metadata": {"name": "keddah", "uid": "k", "resourceVersion": "3"}}
    scene.intake.seen("ValidatingWebhookConfiguration", configuration)
    scene.intake.seen("ValidatingWebhookConfiguration", configuration)
    assert scene.configured == 1


def test_only_a_list_after_the_first_is_suspicious() -> None:
    scene = Scene()
    scene.intake.listed("Pod")
    assert scene.relisted == []
    scene.intake.filled = True
    scene.intake.listed("Pod")
    assert scene.relisted == ["Pod"]


def patrol(store: Store) -> SecretPatrol:
    queue: KeyedQueue[Key] = KeyedQueue(clock=lambda: 0.0, random=lambda: 0.5)
    return SecretPatrol(store, queue, why="verify secrets", random=lambda: 0.5)


def test_the_patrol_visits_each_database_once_a_round() -> None:
    store = Store()
    for name in ("a", "b", "c"):
        store.put(DATABASE, manifest(name))
    guard = patrol(store)
    rounds = [[guard.next() for _ in range(3)] for _ in range(2)]
    assert rounds == [[Key("shop", n) for n in ("a", "b", "c")]] * 2


def test_the_patrol_passes_by_who_is_gone_and_finds_who_is_new() -> None:
    store = Store()
    guard = patrol(store)
    assert guard.next() is None
    for name in ("a", "b"):
        store.put(DATABASE, manifest(name))
    assert guard.next() == Key("shop", "a")
    store.drop(DATABASE, manifest("b", 2))
    store.put(DATABASE, manifest("c"))
    assert [guard.next() for _ in range(2)] == [Key("shop", "a"), Key("shop", "c")]


def test_the_patrol_keeps_to_its_budget() -> None:
    assert READS_A_MINUTE <= 20
    assert PERIOD * READS_A_MINUTE == 60 * READS_EACH
