"""Whoever plays a part beside a test, of the cluster or of its users, goes round in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

LOOK_SECONDS = 0.1


class Rounds(ABC):
    """Goes round until the block ends, and fails it if a round did."""

    def __init__(self, name: str, every: float = LOOK_SECONDS) -> None:
        self.every = every
        """Seconds from one round to the next."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._failures and error is None:
            raise self._failures[0]

    @abstractmethod
    def look(self) -> None:
        """Go round once."""

    def _run(self) -> None:
        try:
            while not self._stop.wait(self.every):
                self.look()
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            self._failures.append(error)
