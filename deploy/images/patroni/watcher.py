"""Keeps the threads that watch beside Patroni alive: an error ends none of them, and none ends unseen.

Patroni's HA loop looks after the threads, and the kubelet's liveness probe after the HA loop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
SAID_AGAIN = 60
"""After so many repetitions an error is logged once more."""


class Watchers:
    """The threads of watchers that should never return."""

    def __init__(self, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._watches: dict[str, Callable[[], None]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def start(self, name: str, watch: Callable[[], None]) -> None:
        """Start a watcher in a thread of its own."""
        self._watches[name] = watch
        self._threads[name] = thread = threading.Thread(
            target=keep, args=(name, watch, self._pause), name=name, daemon=True
        )
        thread.start()

    def revive(self) -> None:
        """Start again what has ended all the same, as on `SystemExit`, or where no memory was left to log."""
        for name in [name for name, thread in self._threads.items() if not thread.is_alive()]:
            logger.error("Started a watcher again whose thread had ended: watcher=%s", name)
            try:
                self.start(name, self._watches[name])
            except RuntimeError:
                # The limit of processes is reached; the next HA loop tries again.
                logger.exception("Could not start a watcher: watcher=%s", name)


def keep(name: str, watch: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Run a watcher that should never return, again after each error; a repeated one is not always logged."""
    last, times = "", 0
    while True:
        try:
            watch()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            times = times + 1 if said == last else 0
            if times % SAID_AGAIN == 0:
                told = "Started a watcher again after an error: watcher=%s times=%s"
                logger.exception(told, name, times + 1)
            last = said
        pause(AGAIN_SECONDS)
