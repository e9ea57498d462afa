"""One controller process: acquire the Lease, fill the caches, reconcile, hand over.

Losing the Lease, or an unexpected failure of any part, ends the process: a new one starts with a clean state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from controller.certificates.check import CertificateCheck
from controller.certificates.webhooks import WebhookCertificates
from controller.health import Health
from controller.kube.answers import KubeError
from controller.kube.client import Kube
from controller.kube.connection import Configuration
from controller.kube.kinds import CertificateMode, watched
from controller.kube.leader import Leader, LeadershipLost, LeaseTerm
from controller.metrics import Metrics
from controller.pipeline import Pipeline
from controller.tasks import BackgroundTasks
from controller.watches.namespaces import readable
from controller.watches.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.dependencies import Dependencies
    from controller.settings import Settings
    from schemas.policy.file import PolicyFile

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 20.0
"""Seconds that running reconciles get to finish; less than the pod's termination grace period, 30 s."""
POLICY_POLL_SECONDS = 10.0
NAMESPACES_POLL_SECONDS = 20.0


class Process:
    """One process, from start to end. `restore_signals` is called once kopf has taken the signals over."""

    def __init__(
        self,
        chosen: Settings,
        policy: PolicyFile,
        loaded: Configuration,
        dependencies: Dependencies,
        *,
        restore_signals: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._policy = policy
        self._restore_signals = restore_signals
        self._stopping = asyncio.Event()
        self._answered = False
        self._tasks = BackgroundTasks()
        self._metrics = Metrics()
        self._term = LeaseTerm(dependencies.clock)
        self._kube = kube = Kube(loaded, observe=self._requested, permit=self._term.check)
        self._leader = Leader(
            kube,
            self._term,
            namespace=chosen.namespace,
            identity=chosen.identity,
            clock=dependencies.clock,
            now=dependencies.now,
            random=dependencies.random,
        )
        self._pipeline = Pipeline(kube, policy, chosen, self._metrics, dependencies, permit=self._term.check)
        certificates = WebhookCertificates(
            kube,
            self._pipeline.cache,
            namespace=chosen.namespace,
            cluster_domain=chosen.cluster_domain,
            now=dependencies.now,
            entropy=dependencies.entropy,
            lifetimes=chosen.lifetimes,
            ends=self._metrics.certificate_ends,
        )
        self._certificates = CertificateCheck(certificates, chosen.lifetimes)
        self._random = dependencies.random
        self._source: Source | None = None

    def stop(self) -> None:
        """Finish what is under way, hand over, and end."""
        self._stopping.set()

    async def run(self) -> int:
        """Run to the end; return the exit code. Raises OSError when the metrics address is in use."""
        health = Health(self._pipeline.heartbeat, self._metrics, self._ready)
        port = await health.start(self._chosen.metrics_listen)
        logger.info("Started identity=%s server=%s port=%d", self._chosen.identity, self._kube.server, port)
        stopped = asyncio.create_task(self._stopping.wait())
        self._tasks.start(self._lead())
        await asyncio.wait((stopped, self._tasks.failure), return_when=asyncio.FIRST_COMPLETED)
        if self._tasks.failure.done():
            return _exit_code(self._tasks.failure.result())
        await self._shut_down()
        return 0

    async def _lead(self) -> None:
        await self._leader.acquire()
        self._tasks.start(self._leader.hold())
        # What it read when it began to wait may be weeks old: databases would go back to former images.
        self._policy.refresh()
        self._metrics.leader.set(1)
        namespaces = await self._wait_for_api()
        source = self._source = self._watched_in(namespaces)
        self._tasks.start(self._watch(source), self._follow_policy())
        if self._chosen.namespaces:
            self._tasks.start(self._follow_namespaces(namespaces))
        if self._chosen.certificates is CertificateMode.KEDDAH:
            self._tasks.start(self._certificates.run())
        await source.fill()
        self._metrics.ready.set(1)
        pipeline = self._pipeline
        logger.info("Filled the caches databases=%d", len(pipeline.cache.keys()))
        self._tasks.start(
            source.resync(), pipeline.recorder.run(), pipeline.check.run(), pipeline.workers.run()
        )

    def _watched_in(self, namespaces: tuple[str, ...]) -> Source:
        return Source(
            self._kube,
            self._pipeline.cache,
            self._pipeline.queue,
            self._metrics,
            kinds=watched(self._chosen.certificates, self._chosen.namespaces),
            namespaces=namespaces,
            configured=self._certificates.alarm,
            random=self._random,
        )

    async def _watch(self, source: Source) -> None:
        """Watch. If kopf ends by itself, a signal reached it before we took the handlers back: stop too."""
        started = asyncio.Event()
        watching = asyncio.create_task(source.watch(started))
        begun = asyncio.create_task(started.wait())
        await asyncio.wait((watching, begun), return_when=asyncio.FIRST_COMPLETED)
        self._restore_signals()
        await watching
        self.stop()

    async def _wait_for_api(self) -> tuple[str, ...]:
        """Wait until the API server serves our kind: kopf would not look for it a second time.

        Return the namespaces to watch; none where it is all of them.
        """
        logged = ""
        while True:
            try:
                found = await readable(self._kube, self._chosen.namespaces)
            except KubeError as error:
                if logged != str(error):
                    logged = str(error)
                    logger.warning("Waited for the API error=%r", logged)
                await asyncio.sleep(1.0)
            else:
                for name in set(self._chosen.namespaces) - set(found):
                    logger.warning("Left a namespace alone, where databases may not be listed name=%s", name)
                return found

    async def _follow_namespaces(self, watched_now: tuple[str, ...]) -> None:
        """Hand over when a namespace, or the right to it, has come or gone: the next process begins anew."""
        while True:
            await asyncio.sleep(NAMESPACES_POLL_SECONDS)
            with contextlib.suppress(KubeError):
                found = await readable(self._kube, self._chosen.namespaces)
                if found != watched_now:
                    logger.warning("Found other namespaces to watch names=%s", ",".join(found))
                    self.stop()
                    return

    async def _follow_policy(self) -> None:
        while True:
            await asyncio.sleep(POLICY_POLL_SECONDS)
            if self._policy.refresh():
                self._pipeline.enqueue_all("policy")

    async def _shut_down(self) -> None:
        """Finish the running reconciles while the Lease is still renewed, then release it."""
        logger.info("Stopping running=%d", self._pipeline.queue.running)
        await self._pipeline.stop(SHUTDOWN_SECONDS)
        self._tasks.cancel()
        await self._leader.release()

    def _ready(self) -> bool:
        """Whether the caches are filled; a standby replica is ready once the API server has answered."""
        filled = self._source is not None and self._source.filled
        return filled or (self._answered and not self._term.left)

    def _requested(self, verb: str, kind: str, status: int, seconds: float) -> None:
        self._metrics.requested(verb, kind, status, seconds)
        self._answered = self._answered or bool(status)
        if status and kind != "Lease":
            self._pipeline.heartbeat.beat()


def _exit_code(error: BaseException) -> int:
    """Log why the process ends; return the exit code."""
    if isinstance(error, LeadershipLost):
        logger.error("Lost the lease reason=%r", str(error))
    else:
        logger.error("Failed unexpectedly error=%r", str(error), exc_info=error)
    return 1
