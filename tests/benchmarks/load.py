"""What writes to a database while something is measured: pgbench, or a row a second; in its own pod."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases import Database

CLIENTS: Final = 4
LONG: Final = 3600
_PROGRAM: Final = 'exec $(ls /usr/lib/postgresql/*/bin/pgbench | head -1) "$@"'
_PROGRESS: Final = re.compile(r"progress: ([0-9.]+) s, ([0-9.]+) tps")
_COMMITS: Final = re.compile(r"number of transactions actually processed: ([0-9]+)")
_PROCESSOR: Final = """cd /sys/fs/cgroup
    cat cpuacct/cpuacct.usage 2>/dev/null || awk '/^usage_usec/ {print $2 * 1000}' cpu.stat"""
"""In nanoseconds: cgroup v1, else v2."""
_TOLD: Final = ("--progress=1", "--progress-timestamp")
_LEAD_SECONDS: Final = 3
"""For which it runs before anything else begins."""
_END: Final = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name IN ('pgbench', 'psql') AND pid <> pg_backend_pid()"""
_ROWS: Final = """CREATE TABLE IF NOT EXISTS ticks (at timestamptz DEFAULT now());
    DO $$ BEGIN LOOP INSERT INTO ticks DEFAULT VALUES; COMMIT; PERFORM pg_sleep(1); END LOOP; END $$"""


class Rate(NamedTuple):
    """How fast it was."""

    commits: float
    """A second."""
    cost: float
    """Microseconds of a processor for each commit, pgbench's own and the archiver's included."""


class Pgbench:
    """PostgreSQL's own benchmark, on one database; it connects over the socket."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self, scale: int) -> None:
        """Make its tables, 15 MB for each step of the scale."""
        self._run("--initialize", "--quiet", f"--scale={scale}")

    def rate(self, seconds: int, *options: str) -> Rate:
        """Give the commits a second, the beginning left out, and what each cost."""
        before = self.processor()
        said = self._run(*_options(seconds), *_TOLD, *options)
        spent = self.processor() - before
        commits = int(_COMMITS.findall(said)[0])
        kept = _progress(said)[_LEAD_SECONDS:]
        return Rate(statistics.mean(rate for _, rate in kept), spent / commits)

    def processor(self) -> float:
        """Give the microseconds that all programs of PostgreSQL's container have run so far."""
        done = self._database.execute(self._database.primary(), "sh", "-c", _PROCESSOR)
        assert done.code == 0, done.err
        return float(done.out) / 1000

    def during(self, act: Callable[[], tuple[float, float]]) -> float:
        """Give the commits a second between the moments that something gives, which is done meanwhile."""
        with self._started(*_options(LONG), *_TOLD) as process:
            time.sleep(_LEAD_SECONDS)
            began, ended = act()
            # What is told every second is of the second before.
            time.sleep(2)
            process.terminate()
            said = process.communicate()[0]
        found = [rate for moment, rate in _progress(said) if began < moment <= ended + 1]
        assert found, said[-2000:]
        return statistics.mean(found)

    @classmethod
    @contextmanager
    def always(cls, database: Database, *options: str) -> Iterator[None]:
        """Have it run meanwhile."""
        with cls(database)._started(*_options(LONG), *options) as process:
            yield
            assert process.poll() is None, process.communicate()[0][-2000:]

    def _run(self, *options: str) -> str:
        with self._started(*options) as process:
            said = process.communicate()[0]
        assert process.returncode == 0, said[-2000:]
        return said

    @contextmanager
    def _started(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        inside = ("sh", "-c", _PROGRAM, "pgbench", *options, "postgres")
        with _in_pod(self._database, *inside) as process:
            yield process


@contextmanager
def trickle(database: Database) -> Iterator[None]:
    """Have a row a second written meanwhile."""
    with _in_pod(database, "psql", "-X", "-c", _ROWS.split(";")[0], "-c", _ROWS.partition(";")[2]) as process:
        yield
        assert process.poll() is None, process.communicate()[0]


@contextmanager
def _in_pod(database: Database, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program in the primary's container; it ends there, too, when this does."""
    where = ("--namespace", database.namespace, "exec", database.primary(), "--container=postgres", "--")
    with subprocess.Popen(
        ["kubectl", *where, *command],
        env=database.cluster.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            database.execute(database.primary(), "psql", "-XAtc", _END)


def _options(seconds: int) -> tuple[str, ...]:
    return (
        f"--client={CLIENTS}",
        "--jobs=1",
        f"--time={seconds}",
        "--no-vacuum",
    )


def _progress(said: str) -> list[tuple[float, float]]:
    """Give the moment and the commits of each second."""
    return [(float(moment), float(rate)) for moment, rate in _PROGRESS.findall(said)]
