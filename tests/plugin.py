"""`kubectl pgdb` as a person types it: a plugin of their own kubectl, at a terminal or in a script."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_SECONDS = 400
_END_SECONDS = 20


class Plugin:
    """The plugin, found by kubectl in the PATH."""

    def __init__(self, folder: Path, environment: Mapping[str, str], namespace: str) -> None:
        script = folder / "kubectl-pgdb"
        script.write_text(f'#!/bin/sh\nPYTHONPATH={_ROOT} exec {sys.executable} -m kubectl_pgdb "$@"\n')
        script.chmod(0o700)
        self._environment = {**environment, "PATH": f"{folder}:{environment['PATH']}"}
        self._folder, self._namespace = folder, namespace

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run one command; return what it printed, on both of its outputs."""
        done = subprocess.run(
            self._command(words),
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def json(self, *words: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """Run one command for machines."""
        return json.loads(self(*words, "--output=json"))

    @contextmanager
    def at_a_terminal(self, *words: str) -> Iterator[Terminal]:
        """Run a command that goes on for ever, as a person looks at it; Ctrl-C has to end it well."""
        master, slave = pty.openpty()
        # Whoever runs tests in the background of a shell has them ignore what Ctrl-C sends.
        with subprocess.Popen(
            ["env", "--default-signal=INT", *self._command(words)],
            env=self._environment | {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"},
            cwd=self._folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        ) as process:
            os.close(slave)
            terminal = Terminal(master)
            try:
                yield terminal
                assert process.poll() is None, f"{words} ended: {terminal.text}"
            finally:
                _interrupted(process)
        terminal.closed()
        assert process.returncode == 0, f"{words}: exit code {process.returncode}: {terminal.text[-2000:]}"

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return ["kubectl", "pgdb", words[0], f"--namespace={self._namespace}", *words[1:]]


def _interrupted(process: subprocess.Popen[bytes]) -> None:
    """Do what Ctrl-C does at a terminal: all of its programs are told."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


class Terminal:
    """All that was printed at a terminal so far."""

    def __init__(self, master: int) -> None:
        self._master, self._printed = master, b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        """What was printed."""
        return self._printed.decode(errors="replace")

    def closed(self) -> None:
        """Read the rest."""
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        # Once nobody has the other end, Linux says EIO.
        with suppress(OSError):
            while more := os.read(self._master, 1 << 16):
                self._printed += more
