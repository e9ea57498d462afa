"""Patroni's long tasks, such as a restart or a copy of the primary: never two at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def one_at_a_time(executor: Any) -> Callable[[str], str | None]:  # noqa: ANN401 - Patroni's own
    """Return Patroni's `schedule` of a task, after which `cancel` waits until that task has ended.

    Patroni's own does not wait for one whose thread has not begun yet, and runs it beside the next (4.1.5,
    async_executor.py). So a restart that a request to copy the primary had cancelled started a server in the
    middle of the copy, without standby.signal: it recovered by itself, and wrote WAL of its own.
    """
    schedule = executor.schedule

    def scheduled(action: str) -> str | None:
        with executor:
            under_way: str | None = schedule(action)
            if under_way is None:
                executor._finish_event.clear()  # noqa: SLF001 - set again when the task has ended
        return under_way

    return scheduled
