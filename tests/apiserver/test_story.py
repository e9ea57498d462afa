"""The events of a database's ordinary days: what a person wants to know, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import factory
from tests.children import KIND, condition, events, wait_condition
from tests.kubelet import Kubelet
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rest import Rest

pytestmark = pytest.mark.usefixtures("controller")

CLASS = "story"


@pytest.fixture(autouse=True)
def storage(rest: Rest) -> Iterator[None]:
    rest.create(factory.storage_class(CLASS)).expect()
    yield
    rest.delete("StorageClass", None, CLASS)


def serves(rest: Rest, namespace: str, count: int) -> bool:
    ready = condition(rest, namespace, "Ready")
    told: tuple[Any, ...] = (ready.get("status"), ready.get("reason"), ready.get("message"))
    return told == ("True", "Ready", f"{count} of {count} instances serve")


def test_every_change_is_told_by_its_end(rest: Rest, restricted: str) -> None:
    story = ["Creating: no instance accepts writes yet"]

    def scaled(count: int, end: str) -> None:
        """Wait until an end is told; what was told on the way must be nothing."""
        until(lambda: serves(rest, restricted, count), 30)
        story.append(end)
        until(lambda: end in events(rest, restricted), 20, lambda: events(rest, restricted))
        assert events(rest, restricted) == story

    def change(**spec: Any) -> None:  # noqa: ANN401
        rest.merge(KIND, restricted, "orders", {"spec": spec}).expect()

    storage = {"storageClassName": CLASS}
    rest.create(factory.submitted("orders", restricted, version="17", replicas=2, storage=storage)).expect()
    # Instances that serve before the controller has looked again leave nothing to tell of their creation.
    until(lambda: events(rest, restricted) == story, 20, lambda: events(rest, restricted))
    with Kubelet(rest, restricted):
        scaled(2, "Ready: 2 of 2 instances serve")
        change(replicas=3)
        scaled(3, "Ready: 3 of 3 instances serve")
        change(replicas=1)
        scaled(1, "Ready: 1 of 1 instances serve")
        change(parameters={"work_mem": "9MB"})
        until(lambda: "9MB" in _configuration(rest, restricted))
        until(lambda: serves(rest, restricted, 1), 30)
        change(hibernated=True)
        wait_condition(rest, restricted, "Ready", "Hibernated")
        asleep = "Hibernated: No pods; the volumes are kept"
        until(lambda: asleep in events(rest, restricted), 20, lambda: events(rest, restricted))
        assert events(rest, restricted) == [*story, asleep]


def _configuration(rest: Rest, namespace: str) -> str:
    config = rest.get("ConfigMap", namespace, "orders-config") or {"metadata": {}}
    text: str = (config["metadata"].get("annotations") or {}).get("config", "")
    return text
