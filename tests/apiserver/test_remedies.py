"""What is corrected of Patroni's own: only as it was seen, and nothing beside it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from controller.act.actor import Actor
from controller.kube.answers import Conflict
from controller.kube.client import Kube
from controller.kube.connection import configuration
from controller.patroni import Patroni
from controller.plan.actions import RelabelStandby, ReleaseLock
from controller.watches.cache import Cache
from schemas.api.types import decode
from tests import factory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rest import Object, Rest

LABELS = {"keddah.dev/database": "orders", "keddah.dev/scope": "orders"}
KEPT = {"optime": "50331648", "ttl": "20", "transitions": "3"}


@pytest.fixture
async def kube(controller_kubeconfig: Path) -> AsyncIterator[Kube]:
    """Give a client with the controller's own rights and no others."""
    async with Kube(await configuration(controller_kubeconfig)) as client:
        yield client


async def act(kube: Kube, namespace: str, action: ReleaseLock | RelabelStandby) -> Cache:
    """Carry one action out, and give what the next pass would see."""
    db = decode(factory.submitted("orders", namespace, version="17"))
    cache = Cache()
    patroni = Patroni(now=lambda: datetime.now(UTC), entropy=secrets.token_bytes)
    await Actor(kube, cache, patroni).act(db, action)
    return cache


def lock(rest: Rest, namespace: str) -> Object:
    metadata = {"name": "orders-leader", "namespace": namespace, "labels": LABELS}
    annotations = {"leader": "orders-0", "renewTime": "1", **KEPT}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "annotations": annotations}}
    return rest.create(manifest).expect()


def release(seen: Object) -> ReleaseLock:
    return ReleaseLock(
        "orders-0", "orders-leader", seen["metadata"]["resourceVersion"], "its container ended"
    )


def noted(rest: Rest, namespace: str) -> Any:  # noqa: ANN401
    live = rest.get("ConfigMap", namespace, "orders-leader")
    assert live
    return live["metadata"]["annotations"]


async def test_a_lock_that_is_as_it_was_seen_is_released_and_keeps_all_else(
    kube: Kube, rest: Rest, namespace: str
) -> None:
    cache = await act(kube, namespace, release(lock(rest, namespace)))
    assert noted(rest, namespace) == {"renewTime": "1", **KEPT}
    seen = cache.object("ConfigMap", namespace, "orders-leader")
    assert seen
    assert "leader" not in seen["metadata"]["annotations"]


@pytest.mark.parametrize(
    "change", [{"renewTime": "2"}, {"leader": "orders-1"}], ids=["its holder lives", "another has it"]
)
async def test_a_lock_that_was_written_since_it_was_seen_stays(
    kube: Kube, rest: Rest, namespace: str, change: dict[str, str]
) -> None:
    seen = lock(rest, namespace)
    rest.merge("ConfigMap", namespace, "orders-leader", {"metadata": {"annotations": change}}).expect()
    with pytest.raises(Conflict):
        await act(kube, namespace, release(seen))
    assert noted(rest, namespace) == {"leader": "orders-0", "renewTime": "1", **KEPT, **change}


async def test_a_pod_is_relabelled_and_nothing_else_of_it_is_changed(
    kube: Kube, rest: Rest, namespace: str
) -> None:
    labels = {**LABELS, "keddah.dev/role": "primary", "team": "payments"}
    account = {"name": "orders", "namespace": namespace}
    rest.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}).expect()
    container = {"name": "postgres", "image": "keddah.dev/keddah-postgres:17"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "orders-0", "namespace": namespace, "labels": labels},
        "spec": {"serviceAccountName": "orders", "containers": [container]},
    }
    before = rest.create(manifest).expect()
    await act(kube, namespace, RelabelStandby("orders-0", "orders-1 holds the lock"))
    after = rest.get("Pod", namespace, "orders-0")
    assert after
    assert after["metadata"]["labels"] == {**labels, "keddah.dev/role": "standby"}
    assert after["spec"] == before["spec"]
