"""Says what is under way at least every ten seconds, and keeps what other programs say in log files.

A task has a name, how long it takes as a rule, and a note of how far it is. Of nested tasks the innermost
speaks. What apt, Go and buildah say is in a log that is named; its end is shown when they fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.processes import CommandError, tied_to_caller
from deploy.local.state import cache_root

EVERY_SECONDS: Final = 10.0
_LAST_LINES: Final = 40

Say = Callable[[str], None]

_under_way: list[Task] = []
"""The tasks of this process, the innermost last."""


@dataclass
class Task:
    """Something that takes a while."""

    what: str
    usual: str = ""
    """How long it takes as a rule: `8 min on two cores`."""
    note: str = ""
    """How far it is: `312 of 1900 packages`."""
    started: float = field(default_factory=time.monotonic)

    def noting(self, say: Say) -> Say:
        """Return a function that says something, and notes it as how far this is."""

        def noted(text: str) -> None:
            self.note = text
            say(text)

        return noted

    def __str__(self) -> str:
        passed = span(time.monotonic() - self.started)
        usual = f", as a rule {self.usual}" if self.usual else ""
        return f"{self.what}: {f'{self.note}, ' if self.note else ''}{passed}{usual}"


def span(seconds: float) -> str:
    """Write a time as people do: `2:10`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def to_standard_error(text: str) -> None:
    """Print a line where it cannot be taken for a result."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def task(
    what: str, usual: str = "", *, say: Say = to_standard_error, every: float = EVERY_SECONDS
) -> Iterator[Task]:
    """Say every ten seconds how long it has been under way, as long as the block runs."""
    mine, ended = Task(what, usual), threading.Event()

    def speak() -> None:
        while not ended.wait(every):
            if _under_way and _under_way[-1] is mine:
                say(str(mine))

    speaker = threading.Thread(target=speak, daemon=True)
    _under_way.append(mine)
    speaker.start()
    try:
        yield mine
    finally:
        ended.set()
        speaker.join()
        _under_way.remove(mine)


def log_file(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file for what a program says; the folder is made."""
    folder = cache_root(environment) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    heard: Callable[[str], None] = lambda _: None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command and keep what it says, each line of which is also `heard`.

    Raises CommandError with the end of the log when it fails.
    """
    words = tied_to_caller(*map(str, command))
    # Not read from the log again: whoever begins another build begins the log anew.
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with (
        log.open("a") as file,
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            cwd=cwd,
        ) as process,
    ):
        file.write(f"$ {' '.join(map(str, command))}\n")
        try:
            for line in process.stdout or ():
                file.write(line)
                file.flush()
                last.append(line)
                heard(line)
        except BaseException:
            # Interrupted: whoever tidies up must find nothing at work.
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        said = "".join(f"  {line.rstrip()}\n" for line in last)
        name = " ".join(map(str, command[:3]))
        raise CommandError(f"{said}{name} … ended with {process.returncode}; all that it said is in {log}")
