"""What metrics cost each instance: `python -m tests.benchmarks.metrics [--minutes 3] [--tables 200]`.

An instance with so many tables is scraped every 15 s, as Prometheus does it by default. The exporter's memory
and time are what the kubelet says of its container; that of the server's session with it, what the kernel
says. KEDDAH_KUBE_CONTEXT chooses the cluster, whose pods must be reached from here (deploy/local's are); else
one is made, and taken away afterwards. How long one screen of `kubectl pgdb status` takes is measured too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests import sites
from tests.databases import Database
from tests.pages import samples
from tests.waiting import until

NAMESPACE = "keddah-bench"
EVERY = 15
"""Seconds from one scrape to the next."""
SCREENS = 9
TABLES = """
SELECT format('CREATE TABLE t%s (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), what text)', i)
FROM generate_series(1, {count}) AS i \\gexec
SELECT format('INSERT INTO t%s (what) SELECT repeat(''x'', 100) FROM generate_series(1, 1000)', i)
FROM generate_series(1, {count}) AS i \\gexec
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure, and print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--tables", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sites.prepared(_say, Path(folder)) as cluster:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        cluster.rest.apply(namespace).expect()
        try:
            return report(measured(Database(cluster, NAMESPACE, "bench"), given.tables, given.minutes))
        finally:
            cluster.rest.delete("Namespace", None, NAMESPACE)


def measured(database: Database, tables: int, minutes: float) -> dict[str, tuple[str, float, list[float]]]:
    """Give what was measured: unit, target, values."""
    database.apply(replicas=1, deletionPolicy="Delete", storage={"size": "1Gi"}).expect()
    database.settled()
    where = ("--namespace", database.namespace, "exec", "-i", "bench-0", "--container=postgres", "--")
    database.cluster.good(*where, "psql", "-qX", "app", stdin=TABLES.format(count=tables), seconds=300)
    address = database.pods()[0]["status"]["podIP"]
    url = f"http://[{address}]:8187/metrics" if ":" in address else f"http://{address}:8187/metrics"
    until(lambda: samples(_page(url)).get("pg_up") == {(): 1}, 30, database.story)
    seconds, memory = [], []
    began, before, server = time.monotonic(), _container(database), _session(database)
    while time.monotonic() - began < minutes * 60:
        start = time.perf_counter()
        page = _page(url)
        seconds.append(time.perf_counter() - start)
        memory.append(samples(page)["process_resident_memory_bytes"][()] / (1 << 20))
        time.sleep(EVERY)
    after, took = _container(database), time.monotonic() - began
    used = (after["cpu"]["usageCoreNanoSeconds"] - before["cpu"]["usageCoreNanoSeconds"]) / 1e9
    asked = _session(database) - server
    return {
        f"one scrape, {tables} tables": ("ms", 200, [1000 * each for each in seconds]),
        "size of the page": ("KiB", 0, [len(page) / 1024]),
        "memory of the process": ("MiB", 25, memory),
        "memory of the container": ("MiB", 25, [after["memory"]["workingSetBytes"] / (1 << 20)]),
        "time of the exporter": ("% of a core", 1, [100 * used / took]),
        "time of the server for it": ("% of a core", 1, [100 * asked / took]),
        "kubectl pgdb status": ("ms", 1000, [_screen(database) for _ in range(SCREENS)]),
    }


def _screen(database: Database) -> float:
    """Give the milliseconds until one screen is there, from the start of Python on."""
    command = (sys.executable, "-m", "kubectl_pgdb", "status", database.name, "-n", database.namespace)
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=database.cluster.environment)
    return 1000 * (time.perf_counter() - start)


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - of the pod
        return str(response.read().decode())


def _container(database: Database) -> dict[str, Any]:
    """Give what the kubelet says of the exporter's container; it looks every ten seconds or so."""
    time.sleep(EVERY)
    node = database.pods()[0]["spec"]["nodeName"]
    summary = database.cluster.rest.send("GET", f"/api/v1/nodes/{node}/proxy/stats/summary").expect()
    found: dict[str, Any] = next(
        container
        for pod in summary["pods"]
        if (pod["podRef"]["namespace"], pod["podRef"]["name"]) == (database.namespace, "bench-0")
        for container in pod["containers"]
        if container["name"] == "keddah-exporter"
    )
    return found


def _session(database: Database) -> float:
    """Give the seconds that the server's process has taken that answers the exporter."""
    ask = "SELECT pid FROM pg_stat_activity WHERE usename = 'keddah_exporter'"
    script = f'cat /proc/$(psql -XAtc "{ask}")/stat'
    where = ("--namespace", database.namespace, "exec", "bench-0", "--container=postgres", "--")
    fields = database.cluster.good(*where, "sh", "-c", script).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def report(found: dict[str, tuple[str, float, list[float]]]) -> bool:
    """Print the table, and tell whether a target is missed."""
    print(f"\n{'what':<30}{'target':>9}{'median':>9}{'max':>9}")
    missed = False
    for what, (unit, target, values) in found.items():
        most = max(values)
        print(f"{what:<30}{target or '':>9}{statistics.median(values):>9.2f}{most:>9.2f} {unit}")
        missed = missed or bool(target and most > target)
    return missed


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
