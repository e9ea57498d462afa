"""`python -m tests.laboratory --repeat 5 [--fault NAME ...]`: the table of faults, measured here."""

from __future__ import annotations

import argparse
import os
import sys
import time

from deploy.target import CHECKOUT
from tests import sites
from tests.clusters import Cluster
from tests.databases import Database
from tests.laboratory.ground import ground
from tests.laboratory.table import HEADER, ROWS, Finding, Row, line, reached
from tests.laboratory.trial import Laboratory, namespace_of_its_own, trial

FOLDER = CHECKOUT / "build" / "laboratory"


def main() -> int:
    """Run the faults that were asked for, and print what was measured; 1 when a target was missed."""
    options = _options()
    chosen = [row for row in ROWS if row.name in options.fault] if options.fault else list(ROWS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sites.prepared(_say, FOLDER, keep=options.keep_cluster) as cluster:
        findings = _measure(cluster, chosen, options.repeat)
    print(f"\n{HEADER}")
    for row in chosen:
        print(line(row, findings[row.name]))
    return 0 if all(reached(row, findings[row.name]) for row in chosen) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.laboratory", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="runs of each fault")
    names = [row.name for row in ROWS]
    parser.add_argument("--fault", action="append", default=[], choices=names, metavar="NAME")
    parser.add_argument("--keep-cluster", action="store_true", help="leave the cluster up for the next run")
    return parser.parse_args()


def _measure(cluster: Cluster, chosen: list[Row], repeat: int) -> dict[str, list[Finding]]:
    findings: dict[str, list[Finding]] = {row.name: [] for row in chosen}
    database = Database(cluster, f"keddah-laboratory-{os.getpid()}", "faults")
    laboratory = Laboratory(database, ground(_local_name()), FOLDER)
    with namespace_of_its_own(database):
        for row in chosen:
            for run in range(1, repeat + 1):
                finding = trial(laboratory, row, run)
                findings[row.name].append(finding)
                _say(f"{row.name} {run}: {_story(finding)}")
    return findings


def _story(finding: Finding) -> str:
    told = "; ".join(f"{count} x {words[:150]}" for words, count in finding.told.items())
    load, _, _ = os.getloadavg()
    return (
        f"gap {finding.gap:.2f} s, lost {finding.lost}, doubled {finding.doubled}, rivals {finding.rivals}, "
        f"healed after {finding.healed:.1f} s, load {load:.1f}; told: {told}"
    )


def _local_name() -> str:
    return os.environ.get(sites.CONTEXT, f"keddah-{sites.NAME}").removeprefix("keddah-")


def _say(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
