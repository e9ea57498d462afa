"""`python -m tests.cron_times`: ask Kubernetes' own CronJob controller when Jobs are created, and record it.

The controller's files are taken as its module has them, with a main program beside them (`cron_times.go`).
The unit tier compares every moment with our own reading of the schedule, above all where daylight saving
begins and ends.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import NamedTuple

from deploy.local.build import MODULES

FILE = Path(__file__).parent / "unit/data/cron_times.tsv"

_HERE = Path(__file__).parent
_CONTROLLER = "pkg/controller/cronjob"
_CHANGES = (
    # An hour in the night, as most have it; Dublin's winter is the exception in the database, not its summer.
    *(("Europe/Berlin", "2025-03-30"), ("Europe/Berlin", "2025-10-26"), ("Europe/Dublin", "2025-10-26")),
    *(("America/New_York", "2025-03-09"), ("America/New_York", "2025-11-02")),
    # At midnight: the day begins at one, or the hour before it comes twice.
    *(("America/Santiago", "2025-09-07"), ("America/Santiago", "2025-04-06")),
    *(("America/Havana", "2025-03-09"), ("America/Havana", "2025-11-02")),
    *(("Africa/Cairo", "2025-04-25"), ("Africa/Cairo", "2025-10-31"), ("America/Sao_Paulo", "2018-11-04")),
    # Half an hour, two hours, a month of fasting, and for good (half an hour before midnight, and at night).
    # Not Samoa, which left a whole day out: the controller never ends to look for the day after.
    *(("Australia/Lord_Howe", "2025-10-05"), ("Australia/Lord_Howe", "2025-04-06")),
    *(("Antarctica/Troll", "2025-03-30"), ("Antarctica/Troll", "2025-10-26")),
    *(("Africa/Casablanca", "2025-02-23"), ("Africa/Casablanca", "2025-04-06")),
    *(("Asia/Pyongyang", "2018-05-05"), ("America/Caracas", "2016-05-01")),
    # None at all.
    *(("UTC", "2025-12-31"), ("Asia/Kathmandu", "2024-02-29")),
)
"""Zones, and the days on which their clocks change. All are past: what a zone does next may be news."""
_SCHEDULES = (
    *("30 2 * * *", "0 0 * * *", "15 0 * * *", "45 1 * * *", "0 3 * * *", "45 23 * * *", "0 12 * * *"),
    *("*/20 * * * *", "40 0-2 * * *", "5 1,3 * * *", "@weekly", "@hourly", "@every 5h30m"),
    *("{minute} 2 {day} {month} *", "0 0 {day} {month} *", "0 1 {before} * *", "0 23 * * {weekday}"),
)
"""Of which some are about the day of the change itself."""


class Case(NamedTuple):
    """A CronJob that is created at a moment, and when its first Jobs are."""

    zone: str
    schedule: str
    created: datetime
    jobs: tuple[datetime, ...]


def recorded() -> list[Case]:
    """Read what was recorded."""
    rows = (line.split("\t") for line in FILE.read_text().splitlines())
    return [
        Case(zone, schedule, _moment(created), tuple(map(_moment, jobs.split())))
        for zone, schedule, created, jobs in rows
    ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _asked() -> list[str]:
    lines = []
    for (zone, date), form in product(_CHANGES, _SCHEDULES):
        day = datetime.fromisoformat(date).replace(tzinfo=UTC)
        before = day - timedelta(days=1)
        schedule = form.format(
            minute=15, day=day.day, month=day.month, before=before.day, weekday=before.isoweekday() % 7
        )
        # Before the change in any zone, and about when it is in most.
        moments = (day - timedelta(hours=37, minutes=7), day + timedelta(minutes=25, seconds=30))
        lines += [f"{zone}\t{schedule}\t{created:%Y-%m-%dT%H:%M:%SZ}" for created in moments]
    return lines


def _program(folder: Path) -> Path:
    """Build the controller's own files with ours; their package has another name there."""
    module = MODULES / "kubernetes"
    source = Path(_go("list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes", cwd=module).strip())
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(module / name, folder / name)
    for file in (source / _CONTROLLER).glob("*.go"):
        if not file.name.endswith("_test.go"):
            text = re.sub(r"^package cronjob$", "package main", file.read_text(), count=1, flags=re.MULTILINE)
            (folder / file.name).write_text(text)
    shutil.copyfile(_HERE / "cron_times.go", folder / "cron_times.go")
    _go("build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", "cron_times", ".", cwd=folder)
    return folder / "cron_times"


def _go(*words: str, cwd: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    command = ["go", *words]
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def main() -> int:
    """Ask, and write the file."""
    asked = _asked()
    with tempfile.TemporaryDirectory() as folder:
        program = _program(Path(folder))
        done = subprocess.run(
            [program], input="\n".join(asked), stdout=subprocess.PIPE, text=True, check=True
        )
    answers = done.stdout.splitlines()
    FILE.write_text("".join(f"{line}\t{jobs}\n" for line, jobs in zip(asked, answers, strict=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
