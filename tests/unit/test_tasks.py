from __future__ import annotations

import asyncio

from controller.tasks import BackgroundTasks


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("unforeseen")


async def end() -> None:
    pass


async def test_the_first_failure_is_reported_though_another_task_runs_on() -> None:
    tasks = BackgroundTasks()
    tasks.start(forever(), fail())
    failure = await asyncio.wait_for(tasks.failure, 1)
    assert str(failure) == "unforeseen"
    tasks.cancel()


async def test_a_task_that_ends_or_is_cancelled_has_not_failed() -> None:
    tasks = BackgroundTasks()
    tasks.start(end(), forever())
    await asyncio.sleep(0)
    tasks.cancel()
    await asyncio.sleep(0.01)
    assert not tasks.failure.done()
