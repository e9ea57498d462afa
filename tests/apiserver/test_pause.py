"""Patroni's pause, written at the worst moment: after the controller has looked, before it writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.children import KIND, condition
from tests.fleets import Fleet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from controller.kube.client import Kube
    from tests.rest import Object, Rest

CLASS = "pause"
CHANGE = {"parameters": {"work_mem": "8MB"}, "template": {"labels": {"team": "shop"}}}
"""Writes NAME-config, and restarts every pod."""

pytestmark = pytest.mark.usefixtures("storage_class")


class Shop(Fleet):
    """One database at rest, whose Patroni can be paused."""

    def config(self) -> Any:  # noqa: ANN401 - JSON
        """Return Patroni's dynamic configuration."""
        live = self.rest.get("ConfigMap", self.namespace, "orders-config")
        return json.loads(live["metadata"]["annotations"]["config"]) if live else None

    def pause(self) -> None:
        """Pause Patroni as `patronictl pause` does: its own key in what is there."""
        text = json.dumps({**self.config(), "pause": True})
        change = {"metadata": {"annotations": {"config": text}}}
        self.rest.merge("ConfigMap", self.namespace, "orders-config", change, fieldManager="patroni").expect()

    def resume(self) -> None:
        """Let Patroni go on."""
        text = json.dumps({k: v for k, v in self.config().items() if k != "pause"})
        change = {"metadata": {"annotations": {"config": text}}}
        self.rest.merge("ConfigMap", self.namespace, "orders-config", change, fieldManager="patroni").expect()

    def paused(self) -> bool:
        """Tell whether the database's status says so."""
        return condition(self.rest, self.namespace, "Reconciling").get("reason") == "Paused"


@pytest.fixture
async def shop(
    rest: Rest, controller_kubeconfig: Path, tmp_path: Path, namespace: str
) -> AsyncIterator[Shop]:
    """Give the database, ready."""
    made = Shop(rest, namespace, tmp_path / "policy.yaml", names=("orders",), storage=CLASS)
    async with made.at_work(controller_kubeconfig):
        yield made


def before(kube: Kube, verb: str, kind: str, happens: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Let something happen once, just before the first request of this kind."""
    send, due = kube._send, [happens]

    async def late(asked: str, of: str, path: str, **more: Any) -> Object | None:  # noqa: ANN401
        if (asked, of) == (verb, kind) and due:
            due.pop()()
        return await send(asked, of, path, **more)

    patch.setattr(kube, "_send", late)


async def test_a_pause_that_was_not_observed_is_not_overwritten_and_nothing_is_restarted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = shop.uids("orders")
    shop.rest.merge(KIND, shop.namespace, "orders", {"spec": CHANGE}).expect()
    before(shop.controller._kube, "apply", "ConfigMap", shop.pause, monkeypatch)
    await shop.look()
    assert shop.config()["pause"] is True
    assert shop.config()["postgresql"]["parameters"]["work_mem"] != "8MB"
    for _ in range(5):
        await shop.look()
    assert shop.config()["postgresql"]["parameters"]["work_mem"] == "8MB"
    assert shop.config()["pause"] is True
    assert shop.paused()
    assert shop.uids("orders") == pods
    shop.resume()
    await shop.until(lambda: not pods & shop.uids("orders"))


async def test_a_pause_just_before_a_restart_keeps_the_pod(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = shop.uids("orders")
    shop.rest.merge(KIND, shop.namespace, "orders", {"spec": {"template": CHANGE["template"]}}).expect()
    execution = shop.controller._reconciler._execution
    carry_out = execution.carry_out

    async def late(*seen: Any) -> Any:  # noqa: ANN401
        if any("restart pod" in str(action) for action in seen[2]) and "pause" not in shop.config():
            shop.pause()
        return await carry_out(*seen)

    monkeypatch.setattr(execution, "carry_out", late)
    await shop.until(shop.paused)
    assert shop.uids("orders") == pods
