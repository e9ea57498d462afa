"""A primary that hands over by hand, while the controller had no reason to look at its database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.children import events
from tests.fleets import Fleet
from tests.inprocess import clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.inprocess import InProcessController
    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("storage_class")

CLASS = "handover"
HOUR = timedelta(hours=1)


@pytest.fixture
async def in_process(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> AsyncIterator[InProcessController]:
    """Give a controller whose database, of two instances, is at rest."""
    made = Fleet(rest, namespace, tmp_path / "policy.yaml", names=("orders",), storage=CLASS)
    async with made.at_work(controller_kubeconfig):
        yield made.controller


def write_lock(rest: Rest, namespace: str, holder: str, renewed: timedelta, taken: timedelta) -> None:
    """Write the lock as Patroni does; its times are so long ago."""
    times = {"renewTime": (clock() - renewed).isoformat(), "acquireTime": (clock() - taken).isoformat()}
    change = {"metadata": {"annotations": {"leader": holder, **times}}}
    rest.merge("ConfigMap", namespace, "orders-leader", change).expect()


@pytest.mark.parametrize(
    ("renewed", "told"),
    [(3, "SwitchedOver: orders-1 is primary"), (23, "FailedOver: orders-1 is primary")],
    ids=["handed over", "ran out"],
)
async def test_the_last_renewal_tells_a_switchover_from_a_failover_though_no_pass_saw_it(
    rest: Rest, namespace: str, in_process: InProcessController, renewed: int, told: str
) -> None:
    write_lock(rest, namespace, "orders-0", timedelta(seconds=90), HOUR)
    await in_process.reconcile(namespace, "orders")
    write_lock(rest, namespace, "orders-0", timedelta(seconds=renewed), HOUR)
    await in_process.fill(namespace)
    write_lock(rest, namespace, "orders-1", timedelta(0), timedelta(seconds=1))
    # Who led before keeps its label until it has seen who leads now.
    primary = {"metadata": {"labels": {"keddah.dev/role": "primary"}}}
    rest.merge("Pod", namespace, "orders-1", primary).expect()
    await in_process.reconcile(namespace, "orders")
    await in_process.send_events()
    story = [each for each in events(rest, namespace) if each.startswith(("SwitchedOver", "FailedOver"))]
    assert [each.partition(" since")[0] for each in story] == [told]
