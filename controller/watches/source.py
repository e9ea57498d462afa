"""The source of keys: kopf's watches, the handler of their events, and the resync of what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.watches import handlers
from controller.watches.events import EventHandler
from controller.watches.resync import Resync

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from controller.kube.client import Kube
    from controller.kube.objects import Key
    from controller.metrics import Metrics
    from controller.watches.cache import Cache
    from controller.watches.queue import KeyedQueue


class Source:
    """Fills the cache and the queue; `configured` is called when a webhook configuration changed.

    `kinds` are what is watched, in `namespaces` or, if none is named, in all.
    """

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        queue: KeyedQueue[Key],
        metrics: Metrics,
        *,
        kinds: tuple[str, ...],
        namespaces: tuple[str, ...] = (),
        configured: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._kinds = kinds
        self._namespaces = namespaces
        self._random = random
        self._resync = Resync(
            kube,
            cache,
            kinds,
            namespaces=namespaces,
            selectors=handlers.selectors,
            enqueue=self._repaired,
            random=random,
        )
        self._handler = EventHandler(
            cache, queue, metrics, configured=configured, relisted=self._resync.suspect
        )

    @property
    def filled(self) -> bool:
        """Whether the cache has been filled with every kind."""
        return self._handler.filled

    async def watch(self, started: asyncio.Event) -> None:
        """Watch until cancelled; `started` is set when kopf has installed its signal handlers."""
        await handlers.watch(self._handler, self._kube, self._kinds, self._namespaces, self._random, started)

    async def fill(self) -> None:
        """Wait until the cache holds every object of every kind."""
        await self._resync.fill()
        self._handler.filled = True

    async def resync(self) -> None:
        """Resync until cancelled."""
        await self._resync.run()

    def _repaired(self, kind: str, key: Key | None) -> None:
        self._metrics.repaired(kind)
        self._handler.enqueue(kind, key)
