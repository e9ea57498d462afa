"""Every measurement, one after the other: `python -m tests.benchmarks [--local]`.

`--local` leaves out what needs pods. Each is a process of its own: none pays for the memory of another.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

LOCAL = ("reviews", "creates", "controller", "engine")
CLUSTER = ("databases", "backups", "parameters", "metrics")


def main() -> int:
    """Run all; 1 when one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--local", action="store_true", help="only what needs no pods")
    local = parser.parse_args().local
    codes = []
    for name in LOCAL if local else (*LOCAL, *CLUSTER):
        print(f"\n{name}", flush=True)
        codes.append(
            subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False).returncode
        )
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
