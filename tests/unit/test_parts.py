from __future__ import annotations

import asyncio

from controller.parts import Parts


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("unforeseen")


async def end() -> None:
    pass


async def test_the_first_failure_is_told_though_another_part_runs_on() -> None:
    parts = Parts()
    parts.start(forever(), fail())
    failure = await asyncio.wait_for(parts.failure, 1)
    assert str(failure) == "unforeseen"
    parts.cancel()


async def test_a_part_that_ends_or_is_cancelled_has_not_failed() -> None:
    parts = Parts()
    parts.start(end(), forever())
    await asyncio.sleep(0)
    parts.cancel()
    await asyncio.sleep(0.01)
    assert not parts.failure.done()
