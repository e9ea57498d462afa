"""Puts watch events into the cache and, if something relevant changed, keys on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.kube.kinds import DATABASE, NODE, STORAGE_CLASS, WEBHOOK_CONFIGURATIONS
from controller.kube.objects import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.kube.objects import Key
    from controller.metrics import Metrics
    from controller.watches.cache import Cache
    from controller.watches.queue import KeyedQueue


class EventHandler:
    """Feeds the cache and the queue.

    `configured` is called when a webhook configuration changed, `relisted` with the kind whose watch was
    restarted.
    """

    def __init__(
        self,
        cache: Cache,
        queue: KeyedQueue[Key],
        metrics: Metrics,
        *,
        configured: Callable[[], None],
        relisted: Callable[[str], None],
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._metrics = metrics
        self._configured = configured
        self._relisted = relisted
        self.filled = False
        """Whether every kind was listed once; objects from a later list mean that a watch was restarted."""

    def seen(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Record that an object exists, with this manifest."""
        self._metrics.watched(kind)
        if self._cache.put(kind, manifest):
            self.enqueue(kind, key_of(kind, manifest))

    def gone(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Record that an object is gone, or no longer matches the watch's selector."""
        self._metrics.watched(kind)
        if self._cache.drop(kind, manifest):
            self.enqueue(kind, key_of(kind, manifest))

    def listed(self, kind: str) -> None:
        """Record that an object came from a list and not from a watch."""
        if self.filled:
            self._relisted(kind)

    def enqueue(self, kind: str, key: Key | None) -> None:
        """Queue the databases that a change of this kind may concern."""
        if kind in WEBHOOK_CONFIGURATIONS:
            self._configured()
        elif kind in (STORAGE_CLASS, NODE):
            # It may concern any database; the others are reconciled once, with nothing to do.
            databases = self._cache.keys()
            for each in databases:
                self._queue.add(each, kind)
        elif key is not None and (kind == DATABASE or self._cache.holds(key)):
            self._queue.add(key, kind)
