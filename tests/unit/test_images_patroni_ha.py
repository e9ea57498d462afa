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

    def is_quorum_commit_mode(self) -> bool:
        """Tell whether commits wait for a quorum."""
        return bool(self.patroni.quorum)

    def process_sync_replication(self) -> None:
        """Choose whom commits wait for."""
        self.did.append("chose")

    def post_bootstrap(self) -> str:
        """Finish a new database, or go on waiting for it."""
        return "initialized a new cluster" if self.leads else "running post_bootstrap"

    def wakeup(self) -> None:
        """Have a round now."""
        self.did.append("woken")

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
        self.names = "ANY 1 (*)"
        self.server = SimpleNamespace(
            name="orders-0",
            role="primary",
            state="running",
            synchronous_standby_names=lambda: self.names,
            sync_handler=SimpleNamespace(set_synchronous_standby_names=self._wait_for),
        )
        api = SimpleNamespace(patch_namespaced_pod=self._patch)
        self.dcs = SimpleNamespace(_api=api, _namespace="shop")

    def refresh(self) -> None:
        """Look at the pods, as every round does."""
        members = [
            SimpleNamespace(name=name, version=f"version of {name}", data={"pod_labels": labels})
            for name, labels in self.labels.items()
        ]
        self.dcs.cluster = SimpleNamespace(members=members)

    def _wait_for(self, standbys: list[str], count: int) -> None:
        self.did.append(f"waits for {count} of {standbys}")

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
    whole = ModuleType("patroni")
    vars(whole).update(global_config=SimpleNamespace(is_synchronous_mode_strict=False))
    for module in (whole, ModuleType("patroni.dcs"), store, rounds):
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


@pytest.mark.parametrize(
    ("leads", "said", "did"),
    [(True, "initialized a new cluster", ["woken"]), (False, "running post_bootstrap", [])],
)
def test_a_new_database_makes_its_standbys_slots_as_soon_as_it_leads(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    leads: bool,  # noqa: FBT001
    said: str,
    did: list[str],
) -> None:
    ha.leads = leads
    assert ha.post_bootstrap() == said
    assert cluster.did == did


def choose(ha: Any, *, voters: list[str], quorum: bool = True, strict: bool = False) -> None:  # noqa: ANN401
    ha.cluster = SimpleNamespace(sync=SimpleNamespace(voters=voters))
    ha.patroni.quorum = quorum
    sys.modules["patroni"].global_config.is_synchronous_mode_strict = strict
    ha.process_sync_replication()


def test_commits_wait_for_nobody_when_that_is_allowed_again_and_no_standby_is_there(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
) -> None:
    choose(ha, voters=[])
    assert cluster.did == ["waits for 0 of []", "chose"]


@pytest.mark.parametrize(
    ("names", "lead"),
    [
        ("ANY 1 (*)", {"voters": ["orders-1"]}),
        ("ANY 1 (*)", {"voters": [], "strict": True}),
        ("*", {"voters": [], "quorum": False}),
        ('ANY 1 ("orders-1")', {"voters": []}),
        ("", {"voters": []}),
    ],
    ids=[
        "somebody may take over",
        "strict",
        "no quorum commit",
        "a standby is named",
        "nobody is waited for",
    ],
)
def test_whatever_else_commits_wait_for_is_patronis_choice(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    names: str,
    lead: dict[str, Any],
) -> None:
    cluster.names = names
    choose(ha, **lead)
    assert cluster.did == ["chose"]


@pytest.mark.parametrize(
    ("leader", "succeeded"), [(None, False), ("", False), ("orders-0", False), ("orders-1", True)]
)
def test_a_successor_is_another_that_holds_the_lock(
    ha: Any,  # noqa: ANN401
    cluster: Cluster,
    leader: str | None,
    *,
    succeeded: bool,
) -> None:
    cluster.dcs.cluster.leader = None if leader is None else SimpleNamespace(name=leader)
    assert ha.succeeded() is succeeded
    cluster.dcs.cluster = None
    assert not ha.succeeded()
