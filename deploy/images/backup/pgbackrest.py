"""Runs pgBackRest, and tells how it ended in keddah's words."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Final

from controller.protocol.settings import Reason

from . import reasons
from .configuration import FILE

Log = Callable[[str], None]

_PAGES: Final = ("invalid page checksum", "checksum error")


class BackupError(Exception):
    """Something did not succeed; the message is for people, without secrets."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def to_standard_error(line: str) -> None:
    """Show a line in the container's log."""
    print(line, file=sys.stderr, flush=True)


class PgBackRest:
    """The program, for one archive of the repository that is configured; "" for all that there are."""

    def __init__(
        self,
        archive: str,
        log: Log = to_standard_error,
        file: str = FILE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._words = ("pgbackrest", f"--config={file}", *([f"--stanza={archive}"] if archive else []))
        self._log = log
        self._environment = environment

    def run(self, command: str, *options: str, heard: Log = lambda _: None) -> str:
        """Run a command, log and `heard` what it says, and return its output. Raises BackupError.

        Output goes to a file: through a pipe that nobody empties meanwhile, a long one would block.
        """
        words = [*self._words, "--log-level-stderr=detail", command, *options]
        said: list[str] = []
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            for line in _spoken(words, output, said, self._environment):
                heard(line)
                if "DETAIL:" not in line:
                    self._log(line)
            output.seek(0)
            return output.read()

    def information(self, *options: str) -> Sequence[dict[str, Any]]:
        """Return what `info` says, a document for each archive. Raises BackupError."""
        output = self.run("info", "--output=json", *options)
        found: Sequence[dict[str, Any]] = json.loads(output, strict=False)
        return found


def failure(said: Sequence[str], ended: int) -> BackupError:
    """Return what a command that failed said as an error."""
    found = reasons.error(said)
    if found is None:
        # Killed, or its configuration could not be read: it said nothing that has a code.
        return BackupError(Reason.INTERRUPTED if ended < 0 else Reason.OTHER, f"it ended with code {ended}")
    code, text = found
    # Why no instance could be reached is in warnings before.
    causes = [line.partition("unable to check ")[2] for line in said if "WARN: unable to check " in line]
    whole = "; ".join([*causes, text])
    return BackupError(reasons.reason_of(code, whole), reasons.sentence(whole))


def bad_pages(said: Iterable[str]) -> list[str]:
    """Return the warnings of a backup about pages whose checksum is wrong."""
    return [
        line.partition("WARN: ")[2] for line in said if "WARN: " in line and any(w in line for w in _PAGES)
    ]


def _spoken(
    words: Sequence[str], output: IO[str], said: list[str], environment: Mapping[str, str] | None
) -> Iterator[str]:
    """Run a program; yield and collect the lines of its standard error. Raises BackupError."""
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # It quotes what it could not read.
        errors="replace",
    ) as process:
        try:
            for line in process.stderr or ():
                said.append(line.rstrip("\n"))
                yield said[-1]
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise failure(said, process.returncode)
