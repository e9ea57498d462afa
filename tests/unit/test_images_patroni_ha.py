"""What keddah adds to Patroni's round; Patroni itself, which only the image has, is played here."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

NAME = "deploy.images.patroni.ha"
SETTINGS = {"kubernetes": {"role_label": "keddah.dev/role", "leader_label_value": "primary"}}


class Round:
    """Patroni's Ha, as far as it is used."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - as Patroni
        self.patroni = patroni
        self.dcs = patroni.dcs
        self.state_handler = patroni.postgresql
        self.leads = False
        self.did: list[str] = patroni.did

    def is_leader(self) -> bool:
        """Tell who holds the lock."""
        return self.leads

    def touch_member(self) -> bool:
        """Write the member down."""
        self.did.append("touched")
        return True

    def shutdown(self) -> None:
        """Stop the server, free the lock."""
        self.did.append("stopped")


class Cluster:
    """Two pods as this member, orders-0, sees them; notes what is written to them."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.labels: dict[str, dict[str, str] | None] = {
            "orders-0": {"keddah.dev/role": "primary"},
            "orders-1": {"keddah.dev/role": "standby"},
        }
        self.server = SimpleNamespace(name="orders-0", role="primary", state="running")
        api = SimpleNamespace(patch_namespaced_pod=self._patch)
        self.dcs = SimpleNamespace(_api=api, _namespace="shop")

    def refresh(self) -> None:
        """Look at the pods, as every round does."""
        members = [
            SimpleNamespace(name=name, version=f"version of {name}", data={"pod_labels": labels})
            for name, labels in self.labels.items()
        ]
        self.dcs.cluster = SimpleNamespace(members=members)

    def _patch(self, name: str, namespace: str, body: Any) -> None:  # noqa: ANN401 - as Patroni
        assert (name, namespace) == ("orders-1", "shop")
        metadata = body["metadata"]
        assert metadata == {"labels": {"keddah.dev/role": None}, "resource_version": f"version of {name}"}
        self.did.append(f"unlabelled {name}")


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.refresh()
    return made


@pytest.fixture
def ha(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    store = ModuleType("patroni.dcs.kubernetes")
    client = SimpleNamespace(V1ObjectMeta=dict, V1Pod=dict)
    vars(store).update(catch_kubernetes_errors=lambda function: function, k8s_client=client)
    rounds = ModuleType("patroni.ha")
    vars(rounds).update(Ha=Round)
    for module in (ModuleType("patroni"), ModuleType("patroni.dcs"), store, rounds):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    api = SimpleNamespace(socket=SimpleNamespace(close=lambda: cluster.did.append("closed the port")))
    patroni = SimpleNamespace(
        dcs=cluster.dcs, postgresql=cluster.server, did=cluster.did, config=SETTINGS, api=api
    )
    yield importlib.import_module(NAME).KeddahHa(patroni)
    sys.modules.pop(NAME, None)


def test_who_holds_the_lock_takes_the_label_from_everybody_else(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    cluster.labels["orders-1"] = {"keddah.dev/role": "primary"}
    cluster.refresh()
    ha.leads = True
    assert ha.touch_member()
    assert cluster.did == ["touched", "unlabelled orders-1"]


@pytest.mark.parametrize("labels", [{"keddah.dev/role": "standby"}, {}, None])
def test_no_label_but_the_primarys_is_taken(ha: Any, cluster: Cluster, labels: dict[str, str] | None) -> None:  # noqa: ANN401
    cluster.labels["orders-1"] = labels
    cluster.refresh()
    ha.leads = True
    ha.touch_member()
    assert cluster.did == ["touched"]


def test_who_does_not_hold_the_lock_writes_to_nobody_else(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    cluster.labels["orders-1"] = {"keddah.dev/role": "primary"}
    cluster.refresh()
    ha.touch_member()
    assert cluster.did == ["touched"]


@pytest.mark.parametrize("state", ["stopping", "stopped", "crashed"])
def test_a_primary_that_was_stopped_says_nothing_before_its_successor(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    state: str,
) -> None:
    cluster.server.state = state
    cluster.dcs.cluster = None  # Patroni forgets what it knew when it frees the lock
    assert ha.touch_member()
    assert cluster.did == []
    cluster.labels["orders-1"] = {"keddah.dev/role": "primary"}
    cluster.refresh()
    assert ha.touch_member()
    assert cluster.did == ["touched"]


@pytest.mark.parametrize(
    ("role", "state"), [("replica", "stopped"), ("primary", "running"), ("demoted", "starting")]
)
def test_everybody_else_always_says_how_it_is(ha: Any, cluster: Cluster, role: str, state: str) -> None:  # noqa: ANN401
    cluster.server.role, cluster.server.state = role, state
    ha.touch_member()
    assert cluster.did == ["touched"]


def test_the_port_is_closed_before_the_lock_is_free(ha: Any, cluster: Cluster) -> None:  # noqa: ANN401
    ha.shutdown()
    assert cluster.did == ["closed the port", "stopped"]
