"""The life of one controller process: wait for the lease, fill the caches, work, hand over.

Losing the lease, or any part that fails unforeseen, ends the process: a fresh one knows nothing wrong.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from controller.certificates.patrol import CertificatePatrol
from controller.certificates.webhooks import WebhookCertificates
from controller.health import Health
from controller.kube.answers import KubeError
from controller.kube.client import Kube
from controller.kube.connection import Configuration
from controller.kube.kinds import DATABASE
from controller.kube.leader import Leader, LeadershipLost, Term
from controller.metrics import Metrics
from controller.pipeline import Pipeline
from controller.reconcile import Surroundings
from controller.watches import handlers
from controller.watches.audit import Audit
from controller.watches.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from controller.certificates.pki import Entropy
    from controller.kube.objects import Key
    from controller.settings import Settings
    from schemas.policyfile import PolicyFile

logger = logging.getLogger(__name__)

FAREWELL = 20.0
"""Seconds that running reconciles get to finish: less than the pod's grace period of 30."""
POLICY_EVERY = 10.0


class Life:
    """One process, from start to end. `restore_signals` is called once kopf has taken the signals over."""

    def __init__(
        self,
        chosen: Settings,
        policy: PolicyFile,
        loaded: Configuration,
        *,
        now: Callable[[], datetime],
        entropy: Entropy,
        random: Callable[[], float],
        restore_signals: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._policy = policy
        self._random = random
        self._restore_signals = restore_signals
        self._stopping = asyncio.Event()
        self._answered = False
        self._parts: set[asyncio.Task[object]] = set()
        self._failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        clock = time.monotonic
        self._metrics = Metrics()
        self._term = Term(clock)
        self._kube = Kube(loaded, observe=self._requested, permit=self._term.check)
        self._leader = Leader(
            self._kube,
            self._term,
            namespace=chosen.namespace,
            identity=chosen.identity,
            clock=clock,
            now=now,
            random=random,
        )
        self._pipeline = Pipeline(
            self._kube,
            policy,
            chosen,
            self._metrics,
            Surroundings(now, entropy, chosen.namespace),
            permit=self._term.check,
            clock=clock,
            random=random,
        )
        store = self._pipeline.store
        self._audit = Audit(
            self._kube, store, selectors=handlers.selectors, wake=self._repaired, random=random
        )
        certificates = WebhookCertificates(
            self._kube,
            store,
            namespace=chosen.namespace,
            cluster_domain=chosen.cluster_domain,
            now=now,
            entropy=entropy,
        )
        self._certificates = CertificatePatrol(certificates)
        self._intake = Intake(
            store,
            self._pipeline.queue,
            self._metrics,
            configured=self._certificates.alarm,
            relisted=self._audit.suspect,
        )

    def stop(self) -> None:
        """Finish what is under way, hand over, and end."""
        self._stopping.set()

    async def run(self) -> int:
        """Live; return the exit code. Raises OSError when the metrics' address is taken."""
        health = Health(self._pipeline.heartbeat, self._metrics, self._ready)
        port = await health.start(self._chosen.metrics_listen)
        logger.info("Started identity=%s server=%s port=%d", self._chosen.identity, self._kube.server, port)
        stopped = asyncio.create_task(self._stopping.wait())
        self._start(self._lead())
        await asyncio.wait((stopped, self._failure), return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            return _verdict(self._failure.result())
        await self._farewell()
        return 0

    def _start(self, part: Coroutine[object, object, object]) -> None:
        """Run a part of this life; the first that fails ends it, without waiting for the others."""
        task = asyncio.create_task(part)
        self._parts.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._parts.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_result(error)

    async def _lead(self) -> None:
        await self._leader.acquire()
        self._start(self._leader.hold())
        self._metrics.leader.set(1)
        await self._wait_for_api()
        self._start(self._watch())
        self._start(self._certificates.run())
        self._start(self._follow_policy())
        await self._audit.fill()
        self._intake.filled = True
        self._metrics.ready.set(1)
        logger.info("Filled the caches databases=%d", len(self._pipeline.store.keys()))
        self._start(self._audit.run())
        self._start(self._pipeline.recorder.run())
        self._start(self._pipeline.patrol.run())
        self._start(self._pipeline.workers.run())

    async def _watch(self) -> None:
        """Watch; that it ends by itself means that a signal reached kopf before it was taken back."""
        started = asyncio.Event()
        watching = asyncio.create_task(handlers.watch(self._intake, self._kube, self._random, started))
        begun = asyncio.create_task(started.wait())
        await asyncio.wait((watching, begun), return_when=asyncio.FIRST_COMPLETED)
        self._restore_signals()
        await watching
        self.stop()

    async def _wait_for_api(self) -> None:
        """Wait until the API server knows our kind: kopf would never look for it again."""
        complaint = ""
        while True:
            try:
                await self._kube.list_metadata(DATABASE)
            except KubeError as error:
                if complaint != str(error):
                    complaint = str(error)
                    logger.warning("Waited for the API error=%r", complaint)
                await asyncio.sleep(1.0)
            else:
                return

    async def _follow_policy(self) -> None:
        while True:
            await asyncio.sleep(POLICY_EVERY)
            if self._policy.refresh():
                self._pipeline.wake_all("policy")

    async def _farewell(self) -> None:
        """Finish the running reconciles, the lease still renewed, then let another replica take over."""
        logger.info("Stopping running=%d", self._pipeline.queue.running)
        await self._pipeline.stop(FAREWELL)
        for task in list(self._parts):
            task.cancel()
        await self._leader.release()

    def _ready(self) -> bool:
        """Whether the caches are filled; a replica in waiting is ready once the API server answered it."""
        return self._intake.filled or (self._answered and not self._term.left)

    def _requested(self, verb: str, kind: str, status: int) -> None:
        self._metrics.requested(verb, kind, status)
        self._answered = self._answered or bool(status)
        if status and kind != "Lease":
            self._pipeline.heartbeat.beat()

    def _repaired(self, kind: str, key: Key | None) -> None:
        self._metrics.repaired(kind)
        self._intake.wake(kind, key)


def _verdict(error: BaseException) -> int:
    """Log why the work ended by itself; return the exit code."""
    if isinstance(error, LeadershipLost):
        logger.error("Lost the lease why=%r", str(error))
    else:
        logger.error("Ended unforeseen error=%r", str(error), exc_info=error)
    return 1
