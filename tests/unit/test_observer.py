from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.observe.state import StorageClass
from controller.patroni import Patroni
from controller.watches.cache import Cache

KEY = Key("shop", "orders")


def storage_class(version: int, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {"name": "fast", "uid": "u", "resourceVersion": str(version)}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata, **facts}


def observing(kube: Kube, cache: Cache) -> Observer:
    patroni = Patroni(now=lambda: datetime.now(UTC), entropy=bytes)
    creations = Creations(kube, lambda: 0.0, lambda: datetime.now(UTC))
    reader = SecretReader(kube, "keddah-system")
    return Observer(kube, cache, patroni, Progress(lambda: 0.0), creations, reader)


async def test_storage_classes_are_read_when_the_watch_tells_and_not_in_every_pass() -> None:
    cache = Cache()
    observer = observing(Kube.__new__(Kube), cache)
    cache.put("StorageClass", storage_class(1))
    first = (await observer.observe(KEY, secrets=False)).storage_classes
    assert first == {"fast": StorageClass(expandable=False)}
    assert (await observer.observe(KEY, secrets=False)).storage_classes is first
    cache.put("StorageClass", storage_class(2, allowVolumeExpansion=True))
    assert (await observer.observe(KEY, secrets=False)).storage_classes == {
        "fast": StorageClass(expandable=True)
    }
    cache.drop("StorageClass", storage_class(3))
    assert (await observer.observe(KEY, secrets=False)).storage_classes == {}


class Owned(Kube):
    """Holds a copy of the keys, or not."""

    def __init__(self, copy: dict[str, Any] | None) -> None:
        self.copy = copy
        self.read: list[tuple[str, str | None, str]] = []

    async def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read the copy or the namespace; nothing else is there."""
        self.read.append((kind, namespace, name))
        if kind == "Namespace":
            return {"metadata": {"name": name, "uid": "uid-of-shop"}}
        return self.copy if namespace == "keddah-system" else None


@pytest.mark.parametrize("owners", [[], [{"kind": "Namespace", "name": "shop", "uid": "uid-of-shop"}]])
async def test_the_namespace_is_read_only_when_the_copy_of_the_keys_has_no_owner(owners: list[Any]) -> None:
    copy = {"metadata": {"name": "keys.shop.orders", "ownerReferences": owners}}
    kube = Owned(copy)
    observer = observing(kube, Cache())
    seen = await observer.observe(KEY, secrets=True)
    assert seen.children["Secret"] == {"keys.shop.orders": copy}
    assert [owner["uid"] for owner in seen.namespace] == ([] if owners else ["uid-of-shop"])
    assert (("Namespace", None, "shop") in kube.read) == (not owners)
