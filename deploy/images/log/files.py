"""The files of PostgreSQL's collector, read to their ends and removed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .program import parent

LONGEST: Final = 1 << 18
"""Bytes of a line; the rest of a longer one is skipped."""
MOST: Final = 32 << 20
"""Bytes that may wait to be read; then the oldest file is dropped."""
_POSITIONS: Final = ".read"
_COLLECTOR: Final = re.compile(rb"postgres: (?:[^\0]*: )?logger")


class Files:
    """A folder that a collector writes to, a file after the other: `.json`, and `.log` for people."""

    def __init__(self, folder: Path, most: int = MOST, processes: Path = Path("/proc")) -> None:
        self._folder, self._most, self._processes = folder, most, processes
        self._read: dict[str, int] = self._former()
        self._kept = dict(self._read)
        self._skipped: set[str] = set()
        self._ended: set[str] = set()
        self.dropped = 0
        """Lines of dropped files, since this was last set to 0."""

    def lines(self, room: int) -> Iterator[tuple[bool, str]]:
        """Give about so many bytes of lines, the oldest first, each with whether it is JSON."""
        for name in self._names():
            while room > 0 and (size := self._size(name)) > self._read.get(name, 0):
                before = self._read.get(name, 0)
                for line in self._chunk(name, size):
                    yield name.endswith(".json"), line
                if self._read.get(name, 0) == before:
                    break
                room -= self._read[name] - before
        self._tidy()

    def bound(self) -> None:
        """Drop the oldest files while more waits than may."""
        waiting = {name: self._size(name) - self._read.get(name, 0) for name in self._names()}
        held = self._kept_open() if sum(waiting.values()) > self._most else set()
        for name in [each for each in waiting if each not in held]:
            if sum(waiting.values()) <= self._most:
                return
            self.dropped += self._count(name)
            self._remove(name)
            del waiting[name]

    def keep(self) -> None:
        """Note what was read, for whoever comes after the end of this process."""
        if self._read != self._kept and self._folder.is_dir():
            (self._folder / _POSITIONS).write_text(json.dumps(self._read))
            self._kept = dict(self._read)

    def orphaned(self) -> bool:
        """Whether a collector has outlived its server, and so ends as soon as it has written all."""
        return any(parent(self._processes / str(each)) in (1, os.getpid()) for each in self.collectors())

    def collectors(self) -> set[int]:
        """Return the processes that write the files."""
        return {int(process.name) for process in self._collectors()}

    def _chunk(self, name: str, size: int) -> Iterator[str]:
        """Read a file's next whole lines; a line that has no end yet waits, one that is too long is cut."""
        start = self._read.get(name, 0)
        with (self._folder / name).open("rb") as file:
            file.seek(start)
            data = file.read(min(LONGEST, size - start))
        end = data.rfind(b"\n") + 1
        if not end and len(data) < LONGEST:
            return
        self._read[name] = start + (end or len(data))
        for line in data[: end or None].removesuffix(b"\n").split(b"\n"):
            if name in self._skipped:
                self._skipped.discard(name)
            else:
                yield line.decode(errors="backslashreplace")
        if not end:
            self._skipped.add(name)

    def _tidy(self) -> None:
        """Remove what was read to its end and is not written to any more."""
        names = self._names()
        ended = {name for name in names if self._size(name) <= self._read.get(name, 0)}
        alone = len(names) <= len({name.rpartition(".")[2] for name in names})
        if alone or ended == self._ended:
            return
        for name in ended - self._kept_open():
            self._remove(name)
        self._ended = ended

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        self._read.pop(name, None)
        self._skipped.discard(name)

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir() if path.suffix in (".json", ".log"))
        except FileNotFoundError:
            return []

    def _size(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    def _count(self, name: str) -> int:
        with (self._folder / name).open("rb") as file:
            file.seek(self._read.get(name, 0))
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(LONGEST), b""))

    def _former(self) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads((self._folder / _POSITIONS).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def _kept_open(self) -> set[str]:
        """Return the files that are, or will be, written to.

        The newest of each kind is so in any case: a server that starts makes it, some time before it has a
        collector that can be told from it.
        """
        newest = {name.rpartition(".")[2]: name for name in self._names()}
        return {*newest.values(), *self._held()}

    def _held(self) -> set[str]:
        """Return the files that a collector has open; only it knows which it goes on with."""
        found = set()
        for process in self._collectors():
            for link in (process / "fd").glob("*"):
                try:
                    found.add(link.readlink().name)
                except OSError:
                    continue
        return found

    def _collectors(self) -> Iterator[Path]:
        for process in self._processes.glob("[0-9]*"):
            try:
                if _COLLECTOR.match((process / "cmdline").read_bytes()):
                    yield process
            except OSError:
                continue
