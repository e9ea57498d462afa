"""The source of keys: kopf's watches, the intake for their events, and the audit of what they missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.watches import handlers
from controller.watches.audit import Audit
from controller.watches.intake import Intake

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from controller.kube.client import Kube
    from controller.kube.objects import Key
    from controller.metrics import Metrics
    from controller.watches.queue import KeyedQueue
    from controller.watches.store import Store


class Source:
    """Fills the store and the queue; `configured` is called when a webhook configuration changed."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        queue: KeyedQueue[Key],
        metrics: Metrics,
        *,
        configured: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._random = random
        self._audit = Audit(kube, store, selectors=handlers.selectors, wake=self._repaired, random=random)
        self._intake = Intake(store, queue, metrics, configured=configured, relisted=self._audit.suspect)

    @property
    def filled(self) -> bool:
        """Whether the store has been filled with every kind."""
        return self._intake.filled

    async def watch(self, started: asyncio.Event) -> None:
        """Watch until cancelled; `started` is set when kopf has installed its signal handlers."""
        await handlers.watch(self._intake, self._kube, self._random, started)

    async def fill(self) -> None:
        """Wait until the store holds every object of every kind."""
        await self._audit.fill()
        self._intake.filled = True

    async def audit(self) -> None:
        """Audit until cancelled."""
        await self._audit.run()

    def _repaired(self, kind: str, key: Key | None) -> None:
        self._metrics.repaired(kind)
        self._intake.wake(kind, key)
