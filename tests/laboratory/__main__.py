"""`python -m tests.laboratory --repeat 5 [--fault NAME ...]`: the table of faults, measured here."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from deploy.target import CHECKOUT
from tests import sites
from tests.clusters import Cluster
from tests.laboratory.laboratory import laboratory
from tests.laboratory.rows import ROWS, UNGUIDED
from tests.laboratory.table import HEADER, Finding, Row, Run, late, line, safe
from tests.laboratory.trial import trial

FOLDER = CHECKOUT / "build" / "laboratory"
NIGHTLY = "0 3 * * *"


def main() -> int:
    """Run the faults that were asked for, and print what was measured; 1 when one was not survived."""
    options = _options()
    FOLDER.mkdir(parents=True, exist_ok=True)
    runs: dict[Row, list[Run]] = {row: [] for row in _chosen(options)}
    with sites.prepared(_say, FOLDER, keep=options.keep_cluster) as cluster, _namespace(cluster) as namespace:
        try:
            _measure(cluster, namespace, runs, options)
        finally:
            print(f"\n{_commit()}: logs of what missed its target are in {FOLDER}\n{HEADER}")
            for row, found in runs.items():
                print(line(row, found), flush=True)
    return 0 if all(safe(found) for found in runs.values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.laboratory", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="runs of each fault")
    parser.add_argument(
        "--fault", action="append", default=[], choices=[r.name for r in ROWS], metavar="NAME"
    )
    killed = "kill the controller every 5 s during each fault"
    parser.add_argument("--controller-killed", action="store_true", help=killed)
    parser.add_argument("--backups", action="store_true", help="archive all WAL, to a volume, meanwhile")
    parser.add_argument("--keep-cluster", action="store_true", help="leave the cluster up for the next run")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> Iterator[Row]:
    for row, alone in zip(ROWS, UNGUIDED, strict=True):
        if row.name in (options.fault or [row.name]):
            yield alone if options.controller_killed else row


def _measure(
    cluster: Cluster, namespace: str, runs: dict[Row, list[Run]], options: argparse.Namespace
) -> None:
    with laboratory(cluster, namespace, FOLDER, NIGHTLY if options.backups else "") as place:
        for row, found in runs.items():
            for run in range(1, options.repeat + 1):
                begun = time.monotonic()
                found.append(trial(place, row, run))
                _say(f"{row.name} {run}: {_story(found[-1])}; {time.monotonic() - begun:.0f} s in all")


def _story(run: Run) -> str:
    if not isinstance(run, Finding):
        return f"FAILED: {run.why}"
    told = "; ".join(f"{count} x {words[:150]}" for words, count in run.errors.items())
    return (
        f"gap {run.gap:.2f} s, lost {run.lost}, doubled {run.doubled}, two writable {run.split_brain} x, "
        f"healed after {run.healed:.1f} s, "
        f"status.primary {late([run.named_late])} s late, Ready {late([run.ready_late])} s late, "
        f"load {run.load:.1f}; told: {told}"
    )


@contextmanager
def _namespace(cluster: Cluster) -> Iterator[str]:
    name = f"keddah-laboratory-{os.getpid()}"
    cluster.rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).expect()
    try:
        yield name
    finally:
        cluster.rest.delete("Namespace", None, name)


def _commit() -> str:
    command: Sequence[str] = ("git", "describe", "--always", "--dirty")
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)
    return done.stdout.strip() or "no commit"


def _say(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
