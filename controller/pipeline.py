"""Connects the parts from watch event to reconciled database: store, queue, workers, reconciler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import reconcile
from controller.act.actor import Actor
from controller.act.recorder import Recorder
from controller.health import Heartbeat
from controller.kube.objects import Key
from controller.observe.observer import Observer
from controller.observe.patroni import Patroni
from controller.observe.progress import Progress
from controller.watches.queue import KeyedQueue
from controller.watches.secret_patrol import SecretPatrol
from controller.watches.store import Store
from controller.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.dependencies import Dependencies
    from controller.kube.client import Kube
    from controller.metrics import Metrics
    from controller.settings import Settings
    from schemas.policyfile import PolicyFile

_EVENTS_GRACE_PERIOD = 2.0
"""Seconds for sending the last events at shutdown; another replica waits for the Lease meanwhile."""


class Pipeline:
    """The parts of a reconcile; `recorder`, `patrol` and `workers` run as long as the Lease is held."""

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
        self.store = Store()
        self.queue: KeyedQueue[Key] = KeyedQueue(clock=clock, random=random)
        self.heartbeat = Heartbeat(clock, lambda: bool(len(self.queue) or self.queue.running))
        self.recorder = Recorder(kube, now=dependencies.now)
        patroni = Patroni(now=dependencies.now, entropy=dependencies.entropy, permit=permit)
        reconciler = reconcile.Reconciler(
            kube,
            self.store,
            Observer(kube, self.store, patroni, Progress(clock)),
            Actor(kube, self.store, patroni),
            self.recorder,
            policy,
            reconcile.Environment(dependencies.now, dependencies.entropy, chosen.namespace),
            self.queue.add,
        )
        self.workers = Workers(
            self.queue,
            reconciler.reconcile,
            count=chosen.workers,
            metrics=metrics,
            heartbeat=self.heartbeat,
            clock=clock,
        )
        self.patrol = SecretPatrol(self.store, self.queue, why=reconcile.VERIFY_SECRETS, random=random)
        metrics.watch_queue(lambda: len(self.queue), lambda: self.queue.running)

    def wake_all(self, why: str) -> None:
        """Queue every database."""
        databases = self.store.keys()
        for key in databases:
            self.queue.add(key, why)

    async def stop(self, grace_period: float) -> None:
        """Start nothing more, wait up to `grace_period` seconds for running reconciles, and send events."""
        await self.workers.stop(grace_period)
        await self.recorder.drain(_EVENTS_GRACE_PERIOD)
