from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.patroni import Patroni
from controller.observe.progress import Progress
from controller.observe.world import StorageClass
from controller.watches.store import Store

KEY = Key("shop", "orders")


def storage_class(version: int, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {"name": "fast", "uid": "u", "resourceVersion": str(version)}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata, **facts}


async def test_storage_classes_are_read_when_the_watch_tells_and_not_in_every_pass() -> None:
    store = Store()
    patroni = Patroni(now=lambda: datetime.now(UTC), entropy=bytes)
    observer = Observer(Kube.__new__(Kube), store, patroni, Progress(lambda: 0.0))
    store.put("StorageClass", storage_class(1))
    first = (await observer.world(KEY, secrets=False)).storage_classes
    assert first == {"fast": StorageClass(expandable=False)}
    assert (await observer.world(KEY, secrets=False)).storage_classes is first
    store.put("StorageClass", storage_class(2, allowVolumeExpansion=True))
    assert (await observer.world(KEY, secrets=False)).storage_classes == {
        "fast": StorageClass(expandable=True)
    }
    store.drop("StorageClass", storage_class(3))
    assert (await observer.world(KEY, secrets=False)).storage_classes == {}
