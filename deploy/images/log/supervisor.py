"""Moves lines from where they are written to the container's output, until the program has ended."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from schemas.records import REQUIRED, Record, as_json, as_text, record

from . import postgres
from .containers import SECONDS, Container
from .files import LONGEST, Files
from .lines import Joined, apart, of_program
from .output import Output
from .program import Program

TICK_SECONDS: Final = 0.2
"""How often files are looked at, and for how long a line may be without its end."""
LEFT_SECONDS: Final = 1.0
"""How long the end of a container waits for processes that its program has left, and for the collector."""
STANDING_SECONDS: Final = 2.0
"""How long the end of a container waits while no line is taken."""
MOST_SECONDS: Final = 30.0
"""How long it waits for all of them."""
LOGGER: Final = "keddah.log"


class Supervisor:
    """One container's lines."""

    def __init__(
        self, container: Container, files: Files, output: Output, logger: str, now: Callable[[], float]
    ) -> None:
        self._container, self._files, self._output, self._logger = container, files, output, logger
        self._now = now
        self._joined, self._for_people = Joined(LONGEST), Joined(LONGEST)
        self._begun, self._skipping = b"", False
        self._written, self._labels = container.look()
        self._looked = time.monotonic()

    def run(self, program: Program) -> int:
        """Return the program's exit code, after its last line."""
        while program.code() is None:
            quiet = not self._wait(program)
            program.wake()
            self._safely(partial(self._move, program, quiet=quiet))
        self._safely(partial(self._end, program))
        return program.code() or 0

    def _wait(self, program: Program) -> bool:
        """Wait until there is something to do; return False where it is only to look at the files."""
        poll = select.poll()
        poll.register(program.woken, select.POLLIN)
        if not program.silent:
            poll.register(program.output, select.POLLIN)
        if not self._output.empty:
            poll.register(self._output.descriptor, select.POLLOUT)
        return bool(poll.poll(TICK_SECONDS * 1000))

    def _safely(self, act: Callable[[], None]) -> None:
        """Act; whatever is wrong with a line, it must not end the program."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the edge of the process
            self._say("error", f"Could not write a line error={type(error).__name__}: {error}")
            time.sleep(TICK_SECONDS)

    def _move(self, program: Program, *, quiet: bool) -> None:
        self._take(program.read())
        if quiet:
            self._write(self._joined.end())
        if time.monotonic() - self._looked > SECONDS:
            self._written, self._labels = self._container.look()
            self._looked = time.monotonic()
        self._output.flush()
        if self._output.has_room:
            self._collect()
            self._output.flush()
        self._files.bound()
        if self._output.empty:
            self._files.keep()

    def _end(self, program: Program) -> None:
        """End the program's processes, and write all that is left, unless nobody takes it.

        First of all a server that is still there: another instance is promoted meanwhile. The end of the
        container would kill it, too. Only the collector ends by itself, with the last line.
        """
        until = time.monotonic() + LEFT_SECONDS
        while (self._end_left(program) or self._files.orphaned()) and time.monotonic() < until:
            time.sleep(TICK_SECONDS / 10)
        while data := program.read():
            self._take(data)
        self._take(b"\n" if self._begun else b"")
        self._write(self._joined.end())
        began = taken = time.monotonic()
        while time.monotonic() < min(taken + STANDING_SECONDS, began + MOST_SECONDS):
            if self._output.flush():
                taken = time.monotonic()
            elif not self._output.empty:
                time.sleep(TICK_SECONDS / 100)
            if self._output.has_room and not self._collect() and self._output.empty:
                break
        if self._output.empty:
            self._files.keep()

    def _end_left(self, program: Program) -> bool:
        return program.end_left(besides=self._files.collectors())

    def _take(self, data: bytes) -> None:
        """Take what the program has written; a line that is too long is cut."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > LONGEST:
            lines.append(self._begun)
            self._begun, skipping = b"", True
        else:
            skipping = False
        for line in lines:
            text = line[:LONGEST].decode(errors="backslashreplace")
            for part in [] if self._skipping else apart(text):
                self._write(self._joined.take(part))
            self._skipping = False
        self._skipping = self._skipping or skipping

    def _collect(self) -> bool:
        """Read files; return whether there was anything."""
        self._tell_dropped()
        found = False
        for is_json, line in self._files.lines(LONGEST):
            if not found:
                # A server tells where it logs before it does; whoever reads both late keeps them in order.
                self._write(self._joined.end())
            found = True
            if is_json:
                self._put(postgres.of_json(line, self._now()), from_file=True)
            else:
                self._write(self._for_people.take(line), from_file=True)
        self._write(self._for_people.end(), from_file=True)
        return found

    def _tell_dropped(self) -> None:
        for source, what in ((self._files, "of PostgreSQL's"), (self._output, "of the container's programs")):
            if count := source.dropped:
                source.dropped = 0
                why = "nobody has taken this container's output meanwhile, or not as fast as it came"
                self._say("warning", f"Dropped {count} lines {what}: {why}", dropped=count)

    def _write(self, line: str | None, *, from_file: bool = False) -> None:
        """Write what was written for people."""
        if line is None or not line.strip():
            return
        line = line.lstrip("\n")
        fields = of_program(line, self._now(), self._logger)
        if self._written == "Text" and not line.startswith("{"):
            self._output.put(line.replace("\n", "\n\t"), from_file=from_file)
        else:
            self._put(fields, from_file=from_file)

    def _say(self, level: str, msg: str, **more: object) -> None:
        self._put(record(self._now(), level, LOGGER, msg, **more))  # type: ignore[arg-type]

    def _put(self, fields: Record, *, from_file: bool = False) -> None:
        head = {name: fields[name] for name in REQUIRED}
        write = as_text if self._written == "Text" else as_json
        self._output.put(write(head | self._labels | fields), from_file=from_file)


def complain(words: str) -> None:
    """Say why nothing was started, as a line."""
    print(as_json(record(time.time(), "critical", LOGGER, words)), file=sys.stderr, flush=True)
