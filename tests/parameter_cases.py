"""`python -m tests.parameter_cases`: ask PostgreSQL itself what values mean, and record its answers.

`postgres -C NAME -c NAME=VALUE` prints a value in its parameter's unit. The servers of our image answer; the
unit tier compares every answer with our own reading.
"""

from __future__ import annotations

import itertools
import os
import random
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from deploy.images.build import Naming, Workshop, build
from deploy.images.inputs import POSTGRES
from deploy.local.state import cache_root
from deploy.parameters import MAJORS

FILE = Path(__file__).parent / "unit/data/parameter_cases.psv"
REFUSED = "refused"

_CHECKOUT = Path(__file__).parents[1]
_NAMES = (
    *("max_connections", "work_mem", "shared_buffers", "max_wal_size", "track_activity_query_size"),
    *("statement_timeout", "checkpoint_timeout", "random_page_cost", "vacuum_cost_delay"),
)
_DIGITS = (
    "0",
    "1",
    "7",
    "08",
    "010",
    "017",
    "09.5",
    "010.5",
    "0x40",
    "0X40",
    "0x",
    "1e1",
    "1e2",
    "1e3",
    "1e9",
)
_MORE = (
    "1E2",
    "1.5e2",
    ".5e3",
    "5.",
    "1e",
    "1e+2",
    "1e-2",
    "-1",
    "+64",
    "--1",
    "1_000",
    "2147483648",
    "1e400",
)
_UNITS = ("", "B", "kB", "MB", "GB", "TB", "KB", "kb", "8kB", "us", "ms", "s", "min", "h", "d", "m")
_ODD = (
    "",
    " ",
    "0x1p4",
    "inf",
    "nan",
    "1 0",
    "1e-400",
    "64 kB ",
    " 128",
    "1\tMB",
    "1e 2",
    "1.5.2",
    "0b1",
    "0o7",
)
_RANDOM = 150
_SCRIPT = """
set -eu
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
ask() {
    if answer=$("$bin/postgres" -D "$folder/$major" -C "$1" -c "$1=$2" 2>/dev/null); then
        printf '%s\\n' "$answer"
    else
        echo REFUSED
    fi
}
"""
_INITDB = '"$bin/initdb" --pgdata="$folder/$major" --username=postgres --auth=reject --no-sync >/dev/null'


class Case(NamedTuple):
    """A value, and what PostgreSQL of a major reads in it: a number in its parameter's unit, or REFUSED."""

    major: int
    name: str
    value: str
    answer: str


def recorded() -> list[Case]:
    """Read the recorded answers."""
    rows = [line.split("|") for line in FILE.read_text().splitlines()]
    return [Case(int(major), name, value, answer) for major, name, value, answer in rows]


def _values() -> list[str]:
    """Every form alone, and a seeded choice of forms with units."""
    combined = [f"{digits}{unit}" for digits, unit in itertools.product((*_DIGITS, *_MORE), _UNITS)]
    return list(dict.fromkeys((*_ODD, *_DIGITS, *_MORE, *random.Random(8).sample(combined, _RANDOM))))  # noqa: S311


def main() -> int:
    """Ask, and write the file."""
    asked = [(major, name, value) for major in MAJORS for name in _NAMES for value in _values()]
    lines = [_SCRIPT.replace("REFUSED", REFUSED)]
    for major, group in itertools.groupby(asked, key=lambda case: case[0]):
        lines += [f"major={major} bin=/usr/lib/postgresql/{major}/bin", _INITDB]
        lines += [f"ask {name} {shlex.quote(value)}" for _, name, value in group]
    workshop = Workshop(_CHECKOUT, cache_root(os.environ), datetime.now(tz=UTC).strftime("%Y-%m"), os.environ)
    image = build(POSTGRES, Naming(), workshop)
    answers = workshop.engine().run(image.content_name, "\n".join(lines)).splitlines()
    cases = (
        f"{major}|{name}|{value}|{answer}"
        for (major, name, value), answer in zip(asked, answers, strict=True)
    )
    FILE.write_text("".join(f"{case}\n" for case in cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
