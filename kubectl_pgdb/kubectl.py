"""The user's kubectl: read, change, stream or become it; or only show what would be run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import Any, Final, Self, TypeAlias

import click

Manifest: TypeAlias = dict[str, Any]

_NOT_FOUND: Final = 127
_WARNING: Final = "Warning: "
_END: Final = "EOF"
_NOISE: Final = re.compile(r"[EWI]\d{4} |[Ww]arning: ")
"""Lines of kubectl's own log, and what an API server has to add."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    code: int
    out: str = ""
    err: str = ""


Runner: TypeAlias = Callable[[Sequence[str], str | None], Ended]
"""Runs a program to its end, with this standard input."""


class KubectlError(click.ClickException):
    """What kubectl says instead of doing it, in its words."""


def run(command: Sequence[str], given: str | None = None) -> Ended:
    """Run a program to its end."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    except OSError as error:
        return Ended(_NOT_FOUND, err=f"{command[0]}: {error.strerror}")
    return Ended(done.returncode, done.stdout, done.stderr)


class Stream:
    """The lines of a program that runs, or none of one that is only shown."""

    def __init__(self, command: Sequence[str]) -> None:
        # Not a pipe: nobody reads it meanwhile, and a full one would stop the program.
        self._errors = TemporaryFile("w+")  # noqa: SIM115 - it is closed with the program
        self._ended = False
        self._process = self._begun(command) if command else None

    def _begun(self, command: Sequence[str]) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        except OSError as error:
            self._errors.close()
            raise KubectlError(f"{command[0]}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __iter__(self) -> Iterator[str]:
        if self._process is not None and self._process.stdout is not None:
            yield from (line.rstrip("\n") for line in self._process.stdout)

    def end(self) -> None:
        """End the program: its lines end too."""
        self._ended = True
        if self._process is not None:
            self._process.terminate()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._errors:
            if self._process is None:
                return
            if kind is not None:
                self.end()
            with self._process:
                pass
            if self._process.returncode > 0 and not self._ended:
                self._errors.seek(0)
                raise KubectlError(_words(self._errors.read()))


@dataclass(frozen=True)
class Kubectl:
    """kubectl, pointed at one cluster and namespace."""

    flags: tuple[str, ...] = ()
    """Of the connection: --context, --namespace, --kubeconfig."""
    show: bool = False
    """Whether commands are printed instead of run."""
    runner: Runner = run
    program: str = field(default_factory=lambda: os.environ.get("KUBECTL", "kubectl"))

    def read(self, *arguments: str) -> Manifest:
        """Return an object or a list, or nothing if it is only shown; raises KubectlError."""
        read: Manifest = json.loads(self.text(*arguments, "--output=json") or "{}")
        return read

    def reads(self, *commands: Sequence[str]) -> list[Manifest | KubectlError]:
        """Read all at once; each answer is what was read, or why it was not."""

        def one(arguments: Sequence[str]) -> Manifest | KubectlError:
            try:
                return self.read(*arguments)
            except KubectlError as error:
                return error

        with ThreadPoolExecutor(max_workers=1 if self.show else len(commands)) as pool:
            return list(pool.map(one, commands))

    def text(self, *arguments: str) -> str:
        """Return what a command prints, or nothing if it is only shown; raises KubectlError."""
        return self.change(*arguments)

    def change(self, *arguments: str, given: str | None = None) -> str:
        """Run a command with this standard input, unless it is only shown; raises KubectlError."""
        self._shown(arguments, given)
        if self.show:
            return ""
        ended = self._run(arguments, given)
        for line in ended.err.splitlines():
            if line.startswith(_WARNING):  # What admission says of a change that it accepts.
                click.echo(line, err=True)
        return ended.out

    def attempt(self, *arguments: str) -> Ended:
        """Run a command, however it ends; its output is nobody's but ours, so it is not shown."""
        return self.runner([self.program, *self.flags, *arguments], None)

    def stream(self, *arguments: str) -> Iterator[str]:
        """Give the lines of a command as they come; raises KubectlError when it ends badly."""
        with self.streaming(*arguments) as lines:
            yield from lines

    def streaming(self, *arguments: str) -> Stream:
        """Begin a command whose lines are read as they come, and which another thread may end."""
        self._shown(arguments)
        return Stream([] if self.show else [self.program, *self.flags, *arguments])

    def become(self, *arguments: str) -> None:
        """Run a command in place of this process, with its terminal."""
        self._shown(arguments)
        if not self.show:
            sys.stdout.flush()
            try:
                os.execvp(self.program, [self.program, *self.flags, *arguments])  # noqa: S606 - the user's own
            except OSError as error:
                raise KubectlError(f"{self.program}: {error.strerror}") from error

    def _run(self, arguments: Sequence[str], given: str | None) -> Ended:
        ended = self.runner([self.program, *self.flags, *arguments], given)
        if ended.code:
            raise KubectlError(_words(ended.err or ended.out))
        return ended

    def _shown(self, arguments: Sequence[str], given: str | None = None) -> None:
        if self.show:
            typed = f" <<'{_END}'\n{given.strip()}\n{_END}" if given else ""
            click.echo(shlex.join(["kubectl", *self.flags, *arguments]) + typed)


def _words(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if not _NOISE.match(line)]
    return "\n".join(lines).removeprefix("Error from server ").removeprefix("error: ") or "kubectl failed"
