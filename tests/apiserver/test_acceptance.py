"""A StatefulSet that somebody deletes while the catalogue has nothing for its version any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.children import KIND
from tests.fleets import OLD, Fleet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rest import Object, Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "acceptance"
ROUNDS = 100


@pytest.fixture
async def fleet(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> AsyncIterator[Fleet]:
    """Give one database at rest, whose version has left the catalogue."""
    made = Fleet(rest, namespace, tmp_path / "policy.yaml", names=("orders",), storage=CLASS)
    async with made.at_work(controller_kubeconfig):
        newer = factory.POLICY.replace('defaultVersion: "17"', 'defaultVersion: "18"')
        lines = newer.splitlines(keepends=True)
        (tmp_path / "policy.yaml").write_text("".join(line for line in lines if '"17.' not in line))
        await made.look()
        assert made.reason("orders") == "NotInCatalogue"
        yield made


def statefulset(rest: Rest, namespace: str) -> Object | None:
    return rest.get("StatefulSet", namespace, "orders")


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
async def test_it_comes_back_as_it_was_accepted(fleet: Fleet, rest: Rest, propagation: str) -> None:
    before: Any = statefulset(rest, fleet.namespace)
    pods = fleet.uids("orders")
    rest.delete("StatefulSet", fleet.namespace, "orders", propagationPolicy=propagation).expect()
    for _ in range(ROUNDS):
        live = statefulset(rest, fleet.namespace)
        if live is None or live["metadata"]["uid"] != before["metadata"]["uid"]:
            break
        await asyncio.sleep(0.05)
    await fleet.until(lambda: statefulset(rest, fleet.namespace) is not None)
    after: Any = statefulset(rest, fleet.namespace)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
    for note in ("accepted", "instances", "system-identifier"):
        key = f"keddah.dev/{note}"
        assert after["metadata"]["annotations"][key] == before["metadata"]["annotations"][key]
    await fleet.until(lambda: fleet.ready("orders") and len(fleet.uids("orders")) == 2)
    assert fleet.images("orders") == [OLD] * 2
    assert fleet.reason("orders") == "NotInCatalogue"
    assert bool(fleet.uids("orders") & pods) is (propagation == "Orphan")


async def test_a_change_that_was_refused_does_not_come_with_it(fleet: Fleet, rest: Rest) -> None:
    change = {"spec": {"replicas": 99}}
    rest.merge(KIND, fleet.namespace, "orders", change).expect()
    rest.delete("StatefulSet", fleet.namespace, "orders").expect()
    await fleet.until(lambda: statefulset(rest, fleet.namespace) is not None)
    live: Any = statefulset(rest, fleet.namespace)
    assert live["spec"]["replicas"] == 2
    assert fleet.stalled("orders") == "Refused"
