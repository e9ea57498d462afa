"""`python -m tests.fuzz --minutes 60`: every target for its share of the time (CONTRIBUTING says how).

What is found is in build/fuzz: `faults`, an input and its traceback each, and `corpus`, which the next run
goes on from. Ends with 1 if there is a fault.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import port
from tests.fuzz.targets import FaultError

FOLDER = Path("build/fuzz")
SHARES = {"review": 0.45, "linter": 0.2, "parsers": 0.15, "port": 0.2}


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--target", choices=SHARES, help="this one alone")
    chosen = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = False
    for target in (chosen.target,) if chosen.target else SHARES:
        seconds = chosen.minutes * 60 * (1 if chosen.target else SHARES[target])
        found |= not (_port(seconds) if target == "port" else _guided(target, seconds))
        print((FOLDER / f"{target}.json").read_text(), flush=True)
    return int(found)


def _guided(target: str, seconds: float) -> bool:
    """Run a target under atheris; tells whether nothing was found."""
    before = set((FOLDER / "faults").glob(f"{target}-*"))
    with (FOLDER / f"{target}.log").open("wb") as log:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", target, str(FOLDER), str(int(seconds))],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
    return ended.returncode == 0 and set((FOLDER / "faults").glob(f"{target}-*")) == before


def _port(seconds: float) -> bool:
    """Run against a real port; tells whether nothing was found."""
    try:
        port.fuzz(FOLDER, seconds, seed=int(time.time()))
    except (FaultError, OSError) as error:
        print(f"port: {type(error).__name__}: {error}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
