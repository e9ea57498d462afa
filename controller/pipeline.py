"""Connects the parts from watch event to reconciled database: cache, queue, workers, reconciler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import reconcile
from controller.act.actor import Actor
from controller.act.provisioner import Provisioner
from controller.act.recorder import Recorder
from controller.attempt import Environment
from controller.database_metrics import DatabaseMetrics
from controller.desired.access import stored_secrets
from controller.health import Heartbeat
from controller.kube.kinds import watched
from controller.kube.objects import Key
from controller.observe.access.reader import AccessReader
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.patroni import Patroni
from controller.postgresql.client import PostgreSQL
from controller.watches.cache import Cache
from controller.watches.queue import KeyedQueue
from controller.watches.secret_check import SecretCheck
from controller.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.dependencies import Dependencies
    from controller.kube.client import Kube
    from controller.metrics import Metrics
    from controller.settings import Settings
    from schemas.policy.file import PolicyFile

_EVENTS_GRACE_PERIOD = 2.0
"""Seconds for sending the last events at shutdown; another replica waits for the Lease meanwhile."""


class Pipeline:
    """The parts of a reconcile; `recorder`, `check` and `workers` run as long as the Lease is held."""

    def __init__(
        self,
        kube: Kube,
        policy: PolicyFile,
        chosen: Settings,
        metrics: Metrics,
        dependencies: Dependencies,
        *,
        permit: Callable[[], None],
    ) -> None:
        clock, random = dependencies.clock, dependencies.random
        self.cache = Cache(watched(chosen.certificates, chosen.namespaces))
        self.queue: KeyedQueue[Key] = KeyedQueue(clock=clock, random=random)
        self.heartbeat = Heartbeat(clock, lambda: bool(len(self.queue) or self.queue.running))
        self.recorder = Recorder(kube, now=dependencies.now)
        patroni = Patroni(now=dependencies.now, entropy=dependencies.entropy, permit=permit)
        postgresql = PostgreSQL(now=dependencies.now, entropy=dependencies.entropy, permit=permit)
        secrets = SecretReader(kube, chosen.namespace)
        reconciler = reconcile.Reconciler(
            kube,
            self.cache,
            Observer(
                kube,
                self.cache,
                patroni,
                Progress(clock),
                Creations(kube, clock, dependencies.now),
                secrets,
            ),
            Actor(kube, self.cache, patroni),
            self.recorder,
            policy,
            Environment(
                dependencies.now,
                dependencies.entropy,
                chosen.namespace,
                chosen.cluster_domain,
                chosen.lifetimes,
            ),
            self.queue.add,
            access=AccessReader(secrets, postgresql),
            provisioner=Provisioner(secrets, postgresql),
        )
        self.workers = Workers(
            self.queue,
            reconciler.reconcile,
            count=chosen.workers,
            metrics=metrics,
            heartbeat=self.heartbeat,
            clock=clock,
        )
        self.check = SecretCheck(
            self.cache, self.queue, why=reconcile.VERIFY_SECRETS, more=self._of_roles, random=random
        )
        queue = self.queue
        metrics.watch_queue(lambda: len(queue), lambda: queue.running, lambda: queue.failing)
        metrics.registry.register(DatabaseMetrics(self.cache.statuses))

    def _of_roles(self, key: Key) -> int:
        """Return how many Secrets a database has for its roles."""
        database = self.cache.database(key)
        return len(stored_secrets(database)) if database else 0

    def enqueue_all(self, why: str) -> None:
        """Queue every database."""
        databases = self.cache.keys()
        for key in databases:
            self.queue.add(key, why)

    async def stop(self, grace_period: float) -> None:
        """Start nothing more, wait up to `grace_period` seconds for running reconciles, and send events."""
        await self.workers.stop(grace_period)
        await self.recorder.drain(_EVENTS_GRACE_PERIOD)
