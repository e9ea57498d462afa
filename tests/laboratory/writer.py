"""The application: commits one row every 10 ms, and notes what was acknowledged when.

A process of its own, so that what the laboratory does never delays it: `python -m tests.laboratory.writer`
with one JSON object on its standard input. It ends with its standard input. Times are CLOCK_MONOTONIC,
the same for all processes of the machine.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psycopg

from tests.laboratory.client import Client
from tests.laboratory.ledger import Ledger, parse

PERIOD_SECONDS = 0.01
TABLE = "ledger"


@dataclass(frozen=True)
class Writer:
    """A running writer, by its ledger."""

    name: str
    file: Path

    def ledger(self) -> Ledger:
        """Read what it has noted so far."""
        return parse(self.file.read_text())


@contextmanager
def writing(
    name: str, settings: Mapping[str, Any], file: Path, *, prefix: Sequence[str] = (), anew: bool = False
) -> Iterator[Writer]:
    """Have a writer at work; `prefix` is the command that runs it somewhere else, as nsenter.

    `anew` gives every row a connection of its own.
    """
    order = json.dumps({"name": name, "settings": dict(settings), "file": str(file), "anew": anew})
    file.write_text("")
    command = [*prefix, sys.executable, "-m", "tests.laboratory.writer"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdin
        process.stdin.write(f"{order}\n")
        process.stdin.flush()
        try:
            yield Writer(name, file)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def write(name: str, client: Client, file: TextIO, *, anew: bool) -> None:
    """Write until the standard input ends. A row whose commit was not acknowledged is never tried again."""
    number, due = 0, time.monotonic()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        # A pace, not a debt: what was not written during a fault is not made up for afterwards.
        due = time.monotonic() + PERIOD_SECONDS
        number += 1
        try:
            client.run(f"INSERT INTO {TABLE} VALUES (%s, %s)", name, number)  # noqa: S608 - a constant
            file.write(f"acknowledged {time.monotonic():.4f} {number}\n")
        except psycopg.Error as error:
            file.write(f"failed {time.monotonic():.4f} {' '.join(str(error).split())}\n")
        if anew:
            client.close()


def main() -> None:
    """Take the order, and carry it out."""
    order = json.loads(sys.stdin.readline())
    with Path(order["file"]).open("w", buffering=1) as file, Client(order["settings"]) as client:
        write(order["name"], client, file, anew=order["anew"])


if __name__ == "__main__":
    main()
