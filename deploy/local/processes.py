"""Starts and stops the programs of a cluster, and tracks them by pid files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.state import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


class CommandError(Exception):
    """A command of the machine failed; the message has the command and what it said."""


class NotReadyError(Exception):
    """Something was not ready before its timeout."""


@dataclass(frozen=True)
class Program:
    """A program to keep running: its name within the cluster, and its command line."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def within(self, *prefix: str) -> Program:
        """Return the same program, run by another command, as nsenter or setpriv."""
        return Program(self.name, (*prefix, *self.command), self.environment)


def tied_to_caller(*command: str) -> tuple[str, ...]:
    """Return the command with a parent-death signal: it is killed when the thread that starts it ends."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--", *command) if setpriv else command


def run(*command: str | Path, text: str = "") -> str:
    """Run a command and return its output. Raises CommandError when it fails."""
    arguments = [str(word) for word in command]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def wait_until(true: Callable[[], bool], what: str, seconds: float) -> None:
    """Poll until the condition holds. Raises NotReadyError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what}: not after {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone or a zombie.

    A process id alone may have been given to another process since (proc(5), /proc/pid/stat, field 22).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def kill(pids: Iterable[int]) -> None:
    """Kill processes at once; those that are gone already are no error."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


class Processes:
    """The running programs of a cluster, by their pid files."""

    def __init__(self, pids: Path, logs: Path) -> None:
        self._pids = pids
        self._logs = logs
        # Kept to reap children that end: a long-lived caller must not collect zombies.
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def ensure(self, program: Program) -> bool:
        """Start a program unless it runs; return whether it was started."""
        if self.pid(program.name) is not None:
            return False
        self._pids.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log(program.name).open("ab") as log:
            child = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **program.environment},
                cwd="/",
                start_new_session=True,
            )
        self._children[program.name] = child
        content = {"pid": child.pid, "started": start_time(child.pid)}
        write_atomically(self._pids / program.name, json.dumps(content))
        return True

    def log(self, name: str) -> Path:
        """Return the file that a program's output is in."""
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        """List the programs that were ever started and not stopped, dead ones too."""
        found = self._pids.iterdir() if self._pids.is_dir() else ()
        return sorted(path.name for path in found if not path.name.startswith("."))

    def pid(self, name: str) -> int | None:
        """Return the process id of a program; None when it does not run."""
        if child := self._children.get(name):
            child.poll()
        try:
            content = json.loads((self._pids / name).read_text())
        except FileNotFoundError:
            return None
        pid, started = int(content["pid"]), content["started"]
        return pid if started is not None and start_time(pid) == started else None

    def tail(self, name: str, lines: int = 5) -> str:
        """Return the last lines that a program wrote."""
        path = self.log(name)
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, names: Iterable[str]) -> None:
        """Kill programs and wait until they are gone. No program needs a graceful shutdown."""
        wanted = [name for name in names if self.pid(name) is not None]
        kill(pid for name in wanted if (pid := self.pid(name)) is not None)
        wait_until(lambda: not any(map(self.pid, wanted)), f"the end of {', '.join(wanted)}", _STOP_SECONDS)
        for name in wanted:
            (self._pids / name).unlink(missing_ok=True)
            if child := self._children.pop(name, None):
                child.wait()  # a zombie counts as gone above, but must still be reaped
