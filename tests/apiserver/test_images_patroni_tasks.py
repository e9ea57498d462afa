"""Of Patroni's long tasks never two run at once: with the Patroni of the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backup_machine import Machine, image_root

SCRIPT = """
import sys, threading
from types import SimpleNamespace
import patroni.postgresql  # first, for they import each other
from patroni import thread_pool
from patroni.async_executor import AsyncExecutor
from keddah_patroni.tasks import one_at_a_time

thread_pool.configure_global_pool(2)
executor = AsyncExecutor(SimpleNamespace(cancel=lambda: None, reset_is_cancelled=lambda: None), lambda: None)
if sys.argv[1] == "ours":
    executor.schedule = one_at_a_time(executor)
free, done, ran = threading.Event(), threading.Event(), []
for _ in range(2):
    thread_pool.get_executor().submit(free.wait)

# A restart whose thread has not begun when a request to copy the primary cancels it.
assert executor.try_run_async("restart", lambda: ran.append("restart")) is None
threading.Timer(0.3, free.set).start()
executor.cancel()
assert executor.schedule("copy") is None
executor.run_async(lambda: (ran.append("copy"), done.set()))
assert done.wait(5)
thread_pool.get_executor().shutdown()
print(*ran, "busy" if executor.busy else "idle")
"""


@pytest.mark.parametrize(("whose", "ran"), [("Patroni's", "restart copy idle"), ("ours", "copy idle")])
def test_a_task_that_was_cancelled_before_its_thread_began_never_runs(
    tmp_path: Path, whose: str, ran: str
) -> None:
    """By Patroni alone it does: when that has changed, ours can go."""
    machine = Machine(image_root(), tmp_path)
    where = ("/usr/bin/env", "PYTHONPATH=/opt/keddah-patroni")
    answer = machine.run(*where, "/opt/patroni/bin/python", "-c", SCRIPT, whose)
    assert (answer.output.strip(), answer.code) == (ran, 0), answer.errors
