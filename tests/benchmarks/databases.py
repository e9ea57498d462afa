"""From apply to `SELECT 1` on a real cluster: `python -m tests.benchmarks.databases [--runs 5]`.

A client pod, which has been there before, asks through the database's Service, by name and over TLS, until
it gets its answer; the clock starts before the object is sent. KEDDAH_KUBE_CONTEXT chooses the cluster; else
one is made, and taken away afterwards. Images are on the nodes: the client uses the same one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import sites
from tests.client_pod import client_pod
from tests.clusters import Cluster
from tests.databases import Database
from tests.waiting import until

NAMESPACE = "keddah-bench"
ASK = """until psql -XAtc 'SELECT 1' "$0" 2>/dev/null; do sleep 0.05; done"""
ONE, THREE = "apply -> SELECT 1, one instance", "apply -> three instances ready"
TARGETS = {ONE: (6.0, 18.4), THREE: (12.0, 53.4)}
"""In seconds: what issue 3 asks for, and what the peer reaches."""


def main() -> int:
    """Measure, and print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, sites.prepared(_say, Path(folder)) as cluster:
        reached = measured(cluster, runs)
    return 0 if report(reached) else 1


def measured(cluster: Cluster, runs: int) -> dict[str, list[float]]:
    """Give the seconds of each run."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.rest.apply(namespace).expect()
    try:
        return _measured(cluster, runs)
    finally:
        cluster.rest.delete("Namespace", None, NAMESPACE)


def _measured(cluster: Cluster, runs: int) -> dict[str, list[float]]:
    client_pod(cluster, NAMESPACE)
    reached: dict[str, list[float]] = {ONE: [], THREE: []}
    for run in range(runs):
        for what, replicas, fact in ((ONE, 1, answered), (THREE, 3, _three_ready)):
            database = Database(cluster, NAMESPACE, f"bench-{replicas}-{run}")
            reached[what].append(_seconds(database, replicas, fact))
            _say(f"{what}: {reached[what][-1]:.1f} s")
            database.delete()
    return reached


def _seconds(database: Database, replicas: int, fact: Callable[[Database], None]) -> float:
    began = time.monotonic()
    database.apply(replicas=replicas, deletionPolicy="Delete", storage={"size": "1Gi"}).expect()
    fact(database)
    return time.monotonic() - began


def answered(database: Database) -> None:
    """Wait until the client has its answer, by the Service."""
    where = ("Secret", database.namespace, f"{database.name}-app")
    until(lambda: database.cluster.rest.get(*where), 60, database.story)
    uri = database.secret("app")["uri"]
    command = ("--namespace", database.namespace, "exec", "client", "--", "sh", "-c", ASK, uri)
    assert database.cluster.good(*command, seconds=120) == "1\n"


def _three_ready(database: Database) -> None:
    answered(database)
    until(lambda: database.status().get("ready") == "3/3", 120, database.story)


def report(reached: dict[str, list[float]]) -> bool:
    """Print the table, and tell whether every target is met."""
    heads = ("target", "peer", "median", "min", "max")
    print(f"\n{'what':<36}" + "".join(f"{head:>9}" for head in heads))
    met = True
    for what, seconds in reached.items():
        target, peer = TARGETS[what]
        middle = statistics.median(seconds)
        figures = (target, peer, middle, min(seconds), max(seconds))
        print(f"{what:<36}" + "".join(f"{figure:>7.1f} s" for figure in figures))
        met = met and middle <= target
    return met


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
