"""Background tasks of the process: they run concurrently, and the first failure is reported at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine


class BackgroundTasks:
    """Runs coroutines as tasks. Must be created within a running event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """Resolves to the exception of the first task that failed."""

    def start(self, *coroutines: Coroutine[object, object, object]) -> None:
        """Start coroutines as tasks; one that returns is simply done."""
        for coroutine in coroutines:
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Cancel all tasks."""
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failure.done():
            self.failure.set_result(error)
