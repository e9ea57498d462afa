"""What the derived parameters are worth: `python -m tests.benchmarks.parameters [--size 4Gi] [--rounds 5]`.

On a real cluster: that of KEDDAH_KUBE_CONTEXT, else one that is made, and taken away afterwards. One instance
of each size has keddah's parameters and PostgreSQL's own in turns (ABBA), so that a busy machine touches both
alike; what is printed are medians, and the median of each round's ratio with the least and the largest.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.postgresql.parameters.table import known
from tests import sites
from tests.benchmarks.load import Pgbench
from tests.databases import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.clusters import Cluster

BEFORE: Final = frozenset({"shared_buffers", "effective_cache_size", "max_slot_wal_keep_size"})
"""What was derived before the others: the same in both turns."""
SCALES: Final = {"512Mi": {"below": 3, "above": 20}, "4Gi": {"below": 25, "above": 90}}
"""Of pgbench, 15 MB each: all of it fits shared_buffers even when updates have doubled it, or not at all."""
MARK: Final = "keddah.turn"
_TIME: Final = re.compile(r"^Time: ([0-9.]+) ms", re.MULTILINE)
_SORT: Final = """SELECT count(*) FROM (
    SELECT aid, md5(aid::text) AS text FROM pgbench_accounts WHERE aid <= 100000 ORDER BY text OFFSET 0) s"""
_HASH: Final = """SELECT count(*) FROM (
    SELECT md5(aid::text), count(*) FROM pgbench_accounts WHERE aid <= 100000 GROUP BY 1) g"""
"""Both of some 10 MB."""
_SCATTERED: Final = """SELECT sum(abalance) FROM pgbench_accounts WHERE aid = ANY (ARRAY(
    SELECT (n * 7919.0 % (SELECT max(aid) FROM pgbench_accounts))::int FROM generate_series(1, 3000) n))"""
HEAVY: Final[Mapping[str, tuple[str, ...]]] = {
    "sort": (_SORT,) * 3,
    "hash": (_HASH,) * 3,
    "scan by bitmap": ("SET enable_seqscan = off", "SET enable_indexscan = off", _SCATTERED),
    "CREATE INDEX": ("CREATE INDEX tried ON pgbench_accounts (abalance, aid) WHERE aid <= 2000000",),
    "UPDATE": ("UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid <= 2000000 AND aid % 10 = 0",),
    "VACUUM": ("VACUUM pgbench_accounts",),
}
LOADS: Final[Mapping[str, tuple[str, ...]]] = {"TPC-B-like": (), "select-only": ("--select-only",)}
_WRITTEN: Final = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_SPILLED: Final = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
_AFTER: Final = ("DROP INDEX tried", "CHECKPOINT")


class Figure(NamedTuple):
    """One measure of one turn."""

    what: str
    value: float
    better: int
    """1 if more is better, -1 if less is."""


class Place:
    """A database of one size, with tables of one size."""

    def __init__(self, cluster: Cluster, namespace: str, size: str, options: argparse.Namespace) -> None:
        self._seconds, self._turns = options.seconds, 0
        self._database = Database(cluster, namespace, f"fit-{size.lower()}")
        self._load = Pgbench(self._database)
        self._major = options.major
        self._spec = {
            "version": str(options.major),
            "replicas": 1,
            "deletionPolicy": "Delete",
            "storage": {"size": options.volume},
            "resources": {"limits": {"memory": size}, "requests": {"cpu": "100m"}},
        }

    def fill(self, scale: int) -> None:
        """Make the database and its tables."""
        self._database.apply(**self._spec).expect()
        self._database.settled()
        self._load.prepare(scale)

    def remove(self) -> None:
        """Delete it."""
        self._database.delete()

    def own(self) -> dict[str, str]:
        """Give PostgreSQL's own values of what keddah derives, as the status tells, but for BEFORE."""
        table = known(self._major) or {}
        names = self._database.status()["parameters"].keys() - BEFORE
        return {name: f"{table[name].boot_val}{table[name].unit or ''}" for name in sorted(names)}

    def turn(self, parameters: Mapping[str, str]) -> Iterator[Figure]:
        """Declare these parameters, and measure."""
        self._turns += 1
        before = (self._database.read() or {})["spec"].get("parameters", {})
        gone = dict.fromkeys(before.keys() - parameters.keys())
        self._database.change(parameters={**gone, **parameters, MARK: str(self._turns)})
        self._database.until_everywhere(f"SHOW {MARK}", str(self._turns))
        self._timed("CHECKPOINT")
        for what, options in LOADS.items():
            before = self._number(_WRITTEN)
            rate = self._load.rate(self._seconds, *options)
            yield Figure(f"{what}, a second", rate.commits, 1)
            yield Figure(f"{what}, CPU us each", rate.cost, -1)
            written = (self._number(_WRITTEN) - before) / self._seconds / rate.commits
            yield Figure(f"{what}, WAL bytes each", written, -1)
        for what, statements in HEAVY.items():
            before, spilled = self._load.processor(), self._number(_SPILLED)
            yield Figure(f"{what}, s", self._timed(*statements), -1)
            yield Figure(f"{what}, CPU s", (self._load.processor() - before) / 1e6, -1)
            yield Figure(f"{what}, temporary MB", (self._number(_SPILLED) - spilled) / 1e6, -1)
        self._timed(*_AFTER)

    def _number(self, question: str) -> float:
        return float(self._database.superuser(self._database.primary(), question))

    def _timed(self, *statements: str) -> float:
        """Run statements in one session, and give the seconds that the server took for them."""
        options = [f"--command={each}" for each in ("\\timing on", *statements)]
        done = self._database.execute(self._database.primary(), "psql", "-X", *options, seconds=900)
        assert done.code == 0, done.err
        return sum(map(float, _TIME.findall(done.out))) / 1000


def measure(place: Place, what: str, rounds: int, more: Mapping[str, str]) -> None:
    """Take turns, and print a row for each measure. `more`: parameters that are tried besides the derived."""
    variants = {"own": place.own(), "derived": {}} | ({"tried": dict(more)} if more else {})
    found: dict[str, dict[str, list[Figure]]] = {name: {} for name in variants}
    list(place.turn(variants["own"]))  # the tables grow in the first one
    for number in range(rounds):
        first = number % len(variants)
        for name in [*variants][first:] + [*variants][:first]:
            for figure in place.turn(variants[name]):
                found[name].setdefault(figure.what, []).append(figure)
                say(f"{what}, round {number}, {name}: {figure.what} {figure.value:.4g}")
    for measured, owns in found["own"].items():
        for name in list(variants)[1:]:
            print(line(f"{what}: {measured}", name, owns, found[name][measured]), flush=True)


def line(what: str, name: str, owns: list[Figure], others: list[Figure]) -> str:
    """Give a row of the table; a ratio above 1 is faster than with PostgreSQL's own."""
    pairs = [(own.value, other.value, own.better) for own, other in zip(owns, others, strict=True)]
    ratios = [(other / own) ** better if own and other else 1.0 for own, other, better in pairs]
    medians = [statistics.median(each.value for each in figures) for figures in (owns, others)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    return f"| {what:<46} | {name:<7} | {medians[0]:>9.4g} | {medians[1]:>9.4g} | {spread:<18} |"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SCALES, action="append", help="of the memory; all without it")
    parser.add_argument("--data", choices=("below", "above"), action="append", help="shared_buffers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=12, help="of pgbench, in each turn")
    parser.add_argument("--major", type=int, default=18)
    parser.add_argument("--volume", default="20Gi")
    parser.add_argument("--try", dest="more", action="append", default=[], help="NAME=VALUE besides")
    options = parser.parse_args()
    more = dict(each.split("=", 1) for each in options.more)
    with tempfile.TemporaryDirectory() as folder, sites.prepared(say, Path(folder)) as cluster:
        name = f"keddah-bench-{os.getpid()}"
        cluster.rest.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).expect()
        try:
            for size in options.size or SCALES:
                for data in options.data or SCALES[size]:
                    place = Place(cluster, name, size, options)
                    place.fill(SCALES[size][data])
                    measure(place, f"{options.major}, {size}, data {data}", options.rounds, more)
                    place.remove()
        finally:
            cluster.rest.delete("Namespace", None, name)


def say(line: str) -> None:
    """Tell how it goes."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
