"""One pass over one database, whose plan the test chooses, with an API server in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.act.actor import Actor
from controller.act.recorder import Recorder
from controller.attempt import Environment
from controller.desired import names
from controller.kube.client import Kube
from controller.kube.objects import Key
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.observe.state import ObservedState
from controller.patroni import Patroni
from controller.plan.actions import Action
from controller.plan.planner import Plan
from controller.plan.situation import Intent
from controller.reconcile import Reconciler
from controller.watches.cache import Cache
from controller.watches.queue import Work
from schemas.api.types import PostgreSQLDatabase
from schemas.policy.file import PolicyFile
from tests import sql
from tests.factory import POLICY, complete_database

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEY = Key("shop", "orders")


def lock(holder: str, version: int) -> dict[str, Any]:
    """Give the lock of this holder, as its resourceVersion says."""
    metadata = {
        "name": "orders-leader",
        "namespace": "shop",
        "uid": "uid-lock",
        "resourceVersion": str(version),
        "labels": {"keddah.dev/database": "orders"},
        "annotations": {"leader": holder},
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def secrets_watch(*secrets: str, version: int = 1) -> dict[str, Any]:
    """Give the object from which Kubernetes takes the references to deleted Secrets, with these left."""
    metadata = {
        "name": "orders-secrets-watch",
        "namespace": "shop",
        "uid": "uid-watch",
        "resourceVersion": str(version),
        "labels": {"keddah.dev/database": "orders"},
        "ownerReferences": [{"kind": "Secret", "name": name, "uid": f"uid-{name}"} for name in secrets],
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


SECRETS = (*names.secrets("orders"), names.repository_tls_secret("orders"))
"""Those of a database with backups."""


def backup_settings() -> dict[str, Any]:
    """Give the settings of backups, before there is data."""
    metadata = {
        "name": "orders-backup",
        "namespace": "shop",
        "uid": "uid-settings",
        "resourceVersion": "1",
        "labels": {"keddah.dev/database": "orders"},
        "annotations": {"keddah.dev/lineage": "1a2b3c4d"},
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def statefulset(accepted: str = "", image: str = "keddah.dev/keddah-postgres:17.5") -> dict[str, Any]:
    """Give what the watch tells of the StatefulSet."""
    metadata = {
        "name": "orders",
        "namespace": "shop",
        "uid": "uid-set",
        "resourceVersion": "3",
        "labels": {"keddah.dev/database": "orders"},
        "annotations": {"keddah.dev/accepted": accepted},
    }
    spec = {
        "replicas": 1,
        "template": {"spec": {"containers": [{"name": "postgres", "image": image}]}},
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


class Api(Kube):
    """Answers from memory; what it holds may be newer than what the watches told."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.read: list[str] = []
        self.status: dict[str, Any] = {}

    async def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read from memory."""
        apart = {"Namespace": None} | ({"Secret": "keddah-system"} if name == "keys.shop.orders" else {})
        assert namespace == apart.get(kind, "shop")
        self.read.append(kind)
        return self.objects.get(name)

    async def patch_status(self, manifest: Any, status: dict[str, Any]) -> None:  # noqa: ANN401
        """Keep the status."""
        assert manifest["metadata"]["name"] == "orders"
        self.status = status


class Hands(Actor):
    """Notes what it is asked, and refuses what it was told to."""

    def __init__(self) -> None:
        self.did: list[Action] = []
        self.refuses: dict[str, BaseException] = {}

    async def act(self, db: PostgreSQLDatabase, action: Action) -> None:
        """Note the action, or refuse it."""
        assert db.metadata.name == "orders"
        if str(action) in self.refuses:
            raise self.refuses[str(action)]
        self.did.append(action)


class Scene:
    """One database, whose plan the test chooses."""

    def __init__(self, folder: Path, choose: Callable[[Intent, ObservedState], Plan]) -> None:
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)
        self.followed = PolicyFile(self.policy, log=print)
        self.api, self.cache, self.hands = Api(), Cache(), Hands()
        patroni = Patroni(now=lambda: NOW, entropy=bytes)
        self.recorder = Recorder(self.api, now=lambda: NOW)
        self.woken: list[Key] = []
        self.reconciler = Reconciler(
            self.api,
            self.cache,
            Observer(
                self.api,
                self.cache,
                patroni,
                Progress(lambda: 0.0),
                Creations(self.api, lambda: 0.0, lambda: NOW),
                SecretReader(self.api, "keddah-system"),
            ),
            self.hands,
            self.recorder,
            self.followed,
            Environment(lambda: NOW, bytes, "keddah-system", "cluster.local"),
            self.woken.append,
            access=sql.reader(self.api),
            provisioner=sql.provisioner(self.api),
        )
        self.choose = choose
        self.put("uid-of-orders", 1)
        self.cache.put("ConfigMap", secrets_watch(*SECRETS))
        self.cache.put("ConfigMap", backup_settings())

    def put(self, uid: str, version: int, **spec: object) -> None:
        """Let the watch tell of the database."""
        manifest = complete_database(**spec)
        manifest["metadata"] |= {"uid": uid, "resourceVersion": str(version)}
        self.cache.put(manifest["kind"], manifest)

    async def look(self) -> object:
        """Run one pass."""
        return await self.reconciler.reconcile(Work(KEY, frozenset()))
