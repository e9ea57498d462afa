"""Controllers that run in the test's own process, and can be killed after any of their writes."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, Self

from controller.act.actor import Actor
from controller.act.recorder import Recorder
from controller.attempt import Environment
from controller.kube.client import WRITES, Kube
from controller.kube.connection import Configuration, configuration
from controller.kube.kinds import KINDS, WATCHED, WEBHOOK_CONFIGURATIONS
from controller.kube.objects import Identity, Key, identity_of
from controller.observe.instances.creations import Creations
from controller.observe.instances.progress import Progress
from controller.observe.observer import Observer
from controller.observe.secrets import SecretReader
from controller.patroni import Patroni, Reply
from controller.reconcile import Reconciler
from controller.watches.cache import Cache
from controller.watches.handlers import selectors
from controller.watches.queue import Work
from schemas.policy.file import PolicyFile
from tests import sql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.certificates.keys import DatabaseKeys
    from controller.plan.outcome import Outcome
    from tests.kubelet import Kubelet
    from tests.rest import Object

SERVER_VERSION = "17.6"
EVENTS_SECONDS = 10.0
"""Seconds for the events that wait to be sent."""


def clock() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


class KilledError(BaseException):
    """The controller is killed; a BaseException, so that nothing in the controller handles it."""


class FakePatroni(Patroni):
    """Patroni's API, on the simulated pods of `Kubelet`."""

    def __init__(self, kubelet: Kubelet) -> None:
        super().__init__(now=clock, entropy=secrets.token_bytes)
        self._kubelet = kubelet

    async def server_version(self, ip: str, authority: str | None = None) -> str | None:
        """Return the version of every server."""
        del ip, authority
        return SERVER_VERSION

    async def switchover(self, ip: str, leader: str, candidate: str | None, keys: DatabaseKeys) -> Reply:
        """Promote the candidate at once."""
        del ip, keys
        database = leader.rpartition("-")[0]
        self._kubelet.promote(database, candidate or self._kubelet.another(database, leader))
        return Reply(200, "Successfully switched over")

    async def wake(self, ip: str, keys: DatabaseKeys) -> Reply:
        """Do nothing."""
        del ip, keys
        return Reply(200, "")


class Writes:
    """The writes of one controller, which is killed after `most` of them (0: never)."""

    def __init__(self, most: int) -> None:
        self.done: list[str] = []
        self._most = most

    def note(self, verb: str, kind: str, status: int, _seconds: float) -> None:
        """Record a request; raises KilledError after the last write."""
        if verb in WRITES:
            self.done.append(f"{verb} {kind} {status}")
            self.check()

    def check(self) -> None:
        """Raise KilledError if the controller is killed: not even its cleanup may write."""
        if self._most and len(self.done) >= self._most:
            raise KilledError(self.done[-1])


class KillableKube(Kube):
    """Serializes writes, so that the controller is killed after an exact number of them.

    The order of concurrent writes is random.
    """

    def __init__(self, loaded: Configuration, writes: Writes, draw: Random) -> None:
        super().__init__(loaded, observe=writes.note, permit=writes.check)
        self._draw = draw
        self._turn = asyncio.Lock()

    async def _send(self, verb: str, kind: str, path: str, **more: Any) -> Object | None:  # noqa: ANN401
        if verb not in WRITES:
            return await super()._send(verb, kind, path, **more)
        for _ in range(self._draw.randrange(8)):
            await asyncio.sleep(0)
        async with self._turn:
            return await super()._send(verb, kind, path, **more)


class InProcessController:
    """One controller, from its start with empty caches until it is killed."""

    def __init__(
        self, kube: Kube, kubelet: Kubelet, policy: Path, writes: Writes, now: Callable[[], datetime]
    ) -> None:
        self.writes = writes
        self.woken: list[Key] = []
        """The databases that the controller has queued itself."""
        self._kube = kube
        self._cache = Cache()
        self._policy = PolicyFile(policy, log=print)
        self._recorder = Recorder(kube, now=now)
        patroni = FakePatroni(kubelet)
        self._reconciler = Reconciler(
            kube,
            self._cache,
            Observer(
                kube,
                self._cache,
                patroni,
                Progress(time.monotonic),
                Creations(kube, time.monotonic, now),
                SecretReader(kube, "keddah-system"),
            ),
            Actor(kube, self._cache, patroni),
            self._recorder,
            self._policy,
            Environment(now, secrets.token_bytes, "keddah-system", "cluster.local"),
            self.woken.append,
            access=sql.reader(kube),
            provisioner=sql.provisioner(kube),
        )

    @classmethod
    async def start(
        cls,
        kubeconfig: Path,
        kubelet: Kubelet,
        policy: Path,
        *,
        killed_after: int = 0,
        now: Callable[[], datetime] = clock,
    ) -> Self:
        """Start one that is killed after so many writes; it is an asynchronous context manager."""
        writes = Writes(killed_after)
        kube = KillableKube(await configuration(kubeconfig), writes, Random(killed_after))  # noqa: S311 - not a secret
        return cls(kube, kubelet, policy, writes, now)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._kube.close()

    async def fill(self, namespace: str) -> None:
        """Fill the caches, as the watches would, and read the policy file again."""
        self._policy.refresh()
        for kind in set(WATCHED) - set(WEBHOOK_CONFIGURATIONS):
            labels, _ = selectors(kind)
            found = await self._kube._list(kind, namespace if KINDS[kind].namespaced else None, labels)
            for manifest in found.items:
                self._cache.put(kind, manifest)
            there = {identity_of(manifest) for manifest in found.items}
            for gone in set(self._cache.versions(kind)) - there:
                self._cache.remove(kind, Identity(*gone), found.version)

    async def reconcile(self, namespace: str, name: str) -> Outcome:
        """Fill the caches, and reconcile a database once; raises KilledError."""
        await self.fill(namespace)
        return await self._reconciler.reconcile(Work(Key(namespace, name), frozenset()))

    async def send_events(self) -> None:
        """Send the queued events, which a whole controller does in the background."""
        sender = asyncio.create_task(self._recorder.run())
        await self._recorder.drain(EVENTS_SECONDS)
        sender.cancel()
