"""Where watch events go: into the store, and from there, if they are news, on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.kube.kinds import DATABASE, NODE, STORAGE_CLASS, WEBHOOK_CONFIGURATIONS
from controller.kube.objects import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.kube.objects import Key
    from controller.metrics import Metrics
    from controller.watches.queue import KeyedQueue
    from controller.watches.store import Store


class Intake:
    """Feeds the store and the queue.

    `configured` is called when a webhook configuration changed, `relisted` with the kind whose watch was
    started anew.
    """

    def __init__(
        self,
        store: Store,
        queue: KeyedQueue[Key],
        metrics: Metrics,
        *,
        configured: Callable[[], None],
        relisted: Callable[[str], None],
    ) -> None:
        self._store = store
        self._queue = queue
        self._metrics = metrics
        self._configured = configured
        self._relisted = relisted
        self.filled = False
        """Whether every kind was listed once: what comes from a list after that is a list made anew."""

    def seen(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Take note that an object is there, and is like this."""
        self._metrics.told(kind)
        if self._store.put(kind, manifest):
            self.wake(kind, key_of(kind, manifest))

    def gone(self, kind: str, manifest: Mapping[str, Any]) -> None:
        """Take note that an object is gone, or does not match its watch any more."""
        self._metrics.told(kind)
        if self._store.drop(kind, manifest):
            self.wake(kind, key_of(kind, manifest))

    def listed(self, kind: str) -> None:
        """Take note that an object came from a list and not from a watch."""
        if self.filled:
            self._relisted(kind)

    def wake(self, kind: str, key: Key | None) -> None:
        """Wake whoever cares about a change of that kind."""
        if kind in WEBHOOK_CONFIGURATIONS:
            self._configured()
        elif kind in (STORAGE_CLASS, NODE):
            # It may matter to any database; those to which it does not look once and find nothing to do.
            databases = self._store.keys()
            for each in databases:
                self._queue.add(each, kind)
        elif key is not None and (kind == DATABASE or self._store.holds(key)):
            self._queue.add(key, kind)
