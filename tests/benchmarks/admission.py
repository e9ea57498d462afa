"""Calls that fail while keddah itself is disturbed: `python -m tests.benchmarks.admission [--times 10]`.

On a real cluster: that of KEDDAH_KUBE_CONTEXT, else one that is made, and taken away afterwards. A client
goes on creating databases, right ones and wrong ones, through the API server; a wrong verdict counts too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests import sites
from tests.benchmarks.reviews import row
from tests.clusters import Cluster
from tests.disturbances import DISTURBANCES, NOTICED, RENEWALS, disturb, failed_calls
from tests.reinstallation import with_cert_manager
from tests.serving import Calls


def measure(cluster: Cluster, name: str, times: int) -> None:
    """Do something so many times, and print what became of the calls meanwhile."""
    cluster.until_operated()
    before, began, blind = failed_calls(cluster), time.monotonic(), 0
    with Calls(cluster.rest) as calls:
        for number in range(times):
            disturb(cluster, name)
            say(f"{name} {number + 1}: {calls.made} calls, {len(calls.failed)} failed {calls.failed[-1:]}")
            blind = failed_calls(cluster) - before
    seconds = time.monotonic() - began
    target = "" if name in NOTICED else "0"
    counted = f"{len(calls.failed)} of {calls.made:,}, {calls.made / seconds:.0f}/s"
    row(f"{name}, {times} times: calls that failed", target, "", counted)
    row(f"{name}: by the API server's own count", target, "", f"{blind}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=10, help="of each")
    names = [*DISTURBANCES, *RENEWALS]
    parser.add_argument("--only", choices=names, action="append", help="some of them")
    options = parser.parse_args()
    chosen = options.only or names
    with tempfile.TemporaryDirectory() as folder, sites.prepared(say, Path(folder)) as cluster:
        for name in chosen:
            if name in DISTURBANCES:
                measure(cluster, name, options.times)
        if renewals := [name for name in chosen if name in RENEWALS]:
            with with_cert_manager(cluster, Path(folder)):
                for name in renewals:
                    measure(cluster, name, options.times)


def say(line: str) -> None:
    """Tell how it goes."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
