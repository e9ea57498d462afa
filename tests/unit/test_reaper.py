"""What is put in order after a process that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reaper import reaped, running
from tests.waiting import until

KILLED = """
import os, sys; from tests.reaper import reaped
with reaped('touch', sys.argv[1]): os.kill(os.getpid(), {})
"""
HOLDS = """
import os, pathlib, sys; from tests.reaper import running
with running('sh', '-c', 'echo $$; exec sleep 60', environment=dict(os.environ)) as process:
    pathlib.Path(sys.argv[1]).write_text(process.stdout.readline()); os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_whoever_is_killed_leaves_nothing(tmp_path: Path, how: int) -> None:
    tidied = tmp_path / "tidied"
    ended = subprocess.run([sys.executable, "-c", KILLED.format(int(how)), str(tidied)], check=False)
    assert ended.returncode == -how
    until(tidied.exists, 10)


def test_whoever_tidies_up_himself_is_not_helped(tmp_path: Path) -> None:
    with reaped("touch", str(tmp_path / "tidied")):
        pass
    with pytest.raises(KeyboardInterrupt), reaped("touch", str(tmp_path / "tidied")):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_command_ends_with_whoever_began_it(tmp_path: Path) -> None:
    with running("sh", "-c", "echo $$; exec sleep 60", environment=dict(os.environ)) as process:
        assert process.stdout
        pids = [int(process.stdout.readline())]
    subprocess.run([sys.executable, "-c", HOLDS, str(tmp_path / "pid")], check=False)
    pids.append(int((tmp_path / "pid").read_text()))
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 10)
