"""Puts in order what a killed process leaves: another one, in a session of its own, waits for its end.

Whoever is interrupted tidies up by himself, but pytest-xdist gives its processes 15 s for that.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_AT_THE_END = 'read -r over || exec "$@"'
_UNTIL_THE_END = '"$@" & read -r over; kill $!'


@contextmanager
def reaped(*command: str) -> Iterator[None]:
    """Have a command run if this process ends within the block."""
    with _begun(_AT_THE_END, *command) as reaper:
        try:
            yield
        finally:
            reaper.communicate("over\n")


@contextmanager
def running(*command: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Have a command run, whose output is read, for as long as the block and this process."""
    with _begun(_UNTIL_THE_END, *command, environment=environment, stdout=subprocess.PIPE) as process:
        yield process


def _begun(
    script: str, *command: str, environment: Mapping[str, str] | None = None, stdout: int | None = None
) -> subprocess.Popen[str]:
    """Begin a shell that reads a line: as the only end of its pipe is ours, our end is that of the line."""
    return subprocess.Popen(
        ["sh", "-c", script, "sh", *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=stdout,
        text=True,
        start_new_session=True,
    )
