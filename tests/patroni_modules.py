"""Stand-ins for the modules of Patroni, which is in the image only, that its patched HA loop imports."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

HA = "deploy.images.patroni.ha"


class DriverError(Exception):
    """psycopg's."""


class NoConnectionError(Exception):
    """Patroni's."""


class StoreError(Exception):
    """Patroni's, of the API server."""


def import_ha(monkeypatch: pytest.MonkeyPatch, base: type) -> ModuleType:
    """Import the module anew, with `base` as Patroni's Ha."""
    kubernetes = {
        "KubernetesError": StoreError,
        "catch_kubernetes_errors": lambda function: function,
        "k8s_client": SimpleNamespace(V1ObjectMeta=dict, V1Pod=dict),
    }
    settings = SimpleNamespace(is_synchronous_mode_strict=False)
    contents: dict[str, dict[str, Any]] = {
        "patroni": {"global_config": settings, "psycopg": SimpleNamespace(Error=DriverError)},
        "patroni.dcs": {},
        "patroni.dcs.kubernetes": kubernetes,
        "patroni.exceptions": {"PostgresConnectionException": NoConnectionError},
        "patroni.ha": {"Ha": base},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, HA, raising=False)
    return importlib.import_module(HA)


SETTINGS = {
    "retry_timeout": 5,
    "kubernetes": {"role_label": "keddah.dev/role", "leader_label_value": "primary"},
}


class Round:
    """Patroni's Ha, as far as it is used."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - as Patroni
        self.patroni = patroni
        self.dcs = patroni.dcs
        self.state_handler = patroni.postgresql
        self._rewind = SimpleNamespace(read_postmaster_opts=lambda: {"port": "5432"})
        self.leads = False
        self.did: list[str] = patroni.did

    def is_leader(self) -> bool:
        """Tell who holds the lock."""
        return self.leads

    def touch_member(self) -> bool:
        """Write the member down."""
        self.did.append("touched")
        return True

    def load_cluster_from_dcs(self) -> None:
        """Take over what is read of the cluster."""
        self.did.append("loaded")

    def is_quorum_commit_mode(self) -> bool:
        """Tell whether commits wait for a quorum."""
        return bool(self.patroni.quorum)

    def quorum_commit_mode_is_active(self) -> bool:
        """Tell whether votes decide who may be promoted."""
        return bool(self.patroni.quorum)

    def is_lagging(self, wal_position: int) -> bool:
        """Compare with the last position that the primary told, and with maximum_lag_on_failover."""
        return wal_position < 1000

    def is_paused(self) -> bool:
        """Tell whether people have Patroni leave everything alone."""
        return bool(self.patroni.paused)

    def demote(self, mode: str) -> None:
        """Stop the server, free the lock, follow."""
        self.did.append(f"demoted ({mode})")

    def process_sync_replication(self) -> None:
        """Choose whom commits wait for."""
        self.did.append("chose")

    def clone(self, member: str, *arguments: object) -> bool:
        """Copy a member."""
        self.did.append(f"copied {member} {arguments}")
        return True

    def bootstrap(self) -> str:
        """Begin to make the data, unless another has begun."""
        self.state_handler.bootstrapping = self.leads
        return "trying to bootstrap a new cluster" if self.leads else "waiting for leader to bootstrap"

    def cancel_initialization(self) -> None:
        """Free the note, and exit."""
        self.did.append("cancelled")

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
            bootstrapping=False,
            stop=lambda mode, stop_timeout: self.did.append(f"{mode} stop in {stop_timeout} s"),
            is_running=lambda: "the server",
            set_state=self.did.append,
            terminate_postmaster=lambda server, mode, seconds: self.did.append(
                f"ended {server} ({mode}, {seconds} s)"
            ),
            move_data_directory=lambda: self.did.append("moved the data away"),
            synchronous_standby_names=lambda: self.names,
            sync_handler=SimpleNamespace(set_synchronous_standby_names=self._wait_for),
        )
        api = SimpleNamespace(patch_namespaced_pod=self._patch)
        self.dcs = SimpleNamespace(_api=api, _namespace="shop")
        self.refresh()

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


def member(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the patched HA loop of orders-0."""
    module = import_ha(monkeypatch, Round)
    api = SimpleNamespace(socket=SimpleNamespace(close=lambda: cluster.did.append("closed the port")))
    mark = SimpleNamespace(
        begin=lambda: cluster.did.append("marked"), end=lambda: cluster.did.append("unmarked")
    )
    patroni = SimpleNamespace(
        dcs=cluster.dcs,
        postgresql=cluster.server,
        did=cluster.did,
        config=SETTINGS,
        api=api,
        mark=mark,
        restores=False,
        paused=False,
        quorum=False,
    )
    yield module.KeddahHa(patroni)
    sys.modules.pop(HA, None)
