"""How fast backups and restores are beside pgBackRest by hand: `python -m tests.benchmarks.engine [--gib 5]`.

Without a cluster, but with the same programs and files as in pods: a Job backs up by the server beside the
instance, an instance is restored by the server beside the repository. By hand it is one command on the
machine that has both data and repository, with the same compression, bundles and blocks, and as many
processes. Both take turns.
Needs root, and room on the disk for five times the database (TMPDIR chooses where).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.backup_machine import image_root
from tests.backup_site import Site, volume
from tests.benchmarks.reviews import row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backup_machine import Machine

GIBIBYTE: Final = 1 << 30
MEBIBYTE: Final = 1 << 20
STEP_MIB: Final = 128
"""Size of each table: many files, some of which are copied at the same time."""
_FILL: Final = """CREATE TABLE filled_{number} AS
    SELECT n, md5(random()::text) || md5(random()::text) || md5(random()::text) AS text
    FROM generate_series(1, {rows}) AS n"""
_ROW_BYTES: Final = 138
_SIZE: Final = "SELECT sum(pg_database_size(oid)) FROM pg_database"
_CONFIGURATION: Final = """[global]
repo1-path=/var/lib/keddah-repository
repo1-retention-full=1
repo1-bundle=y
repo1-block=y
process-max=1
compress-type=zst
compress-level=3
start-fast=y
archive-check=n
lock-path=/tmp/lock
log-level-file=off
log-level-console=off
[global:restore]
process-max=2
[hand]
pg1-path={data}
pg1-socket-path=/run/postgresql
pg1-user=postgres
"""
_BY_HAND: Final = ("pgbackrest", "--config=/tmp/hand.conf", "--stanza=hand")


def measure(site: Site, gib: float, rounds: int) -> None:
    """Fill the database, and print the rows."""
    size = filled(site, gib)
    configure(site.member, site)
    site.member.must(*_BY_HAND, "stanza-create")
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        for what, seconds in turn(site, number).items():
            taken[what].append(seconds)
    for what in ("backup", "restore"):
        own, hand_s = taken[what], taken[f"{what} by hand"]
        rate = size / MEBIBYTE / statistics.median(own)
        ratio = statistics.median(theirs / ours for ours, theirs in zip(own, hand_s, strict=True))
        row(f"{what} of {size / GIBIBYTE:.1f} GiB", "", "", f"{rate:.0f} MiB/s")
        row(f"{what}: rate, to pgBackRest's by hand", ">= 0.9", "", f"{ratio:.2f}")
        row(f"{what}: seconds of each run, and by hand", "", "", f"{listed(own)}; {listed(hand_s)}")


def turn(site: Site, number: int) -> dict[str, float]:
    """Back up and restore, by hand and by keddah; give the seconds of each."""
    found = {
        "backup by hand": timed(lambda: site.member.must(*_BY_HAND, "backup", "--type=full")),
        "backup": timed(lambda: good(site.back_up().reason)),
    }
    hand = site.pod(f"hand-{number}")
    hand.share("repository", site.member)
    configure(hand, site)
    hand.must("mkdir", "-p", "-m", "700", site.database.data)
    found["restore by hand"] = timed(lambda: hand.must(*_BY_HAND, "restore"))
    found["restore"] = timed(lambda: good(site.restored(f"copy-{number}")[0].reason))
    for name in (f"hand-{number}", f"copy-{number}"):
        shutil.rmtree(site.pod(name).path("volume"))
    return found


def configure(machine: Machine, site: Site) -> None:
    """Write the configuration for the commands by hand."""
    file = machine.path("tmp", "hand.conf")
    file.write_text(_CONFIGURATION.format(data=site.database.data))


def filled(site: Site, gib: float) -> int:
    """Fill the database, and give its size in bytes."""
    # What is written now need not be archived: a backup comes afterwards.
    site.database.sql("ALTER SYSTEM SET archive_command = '/bin/true'", "SELECT pg_reload_conf()")
    for number in range(round(gib * GIBIBYTE / MEBIBYTE / STEP_MIB)):
        rows = STEP_MIB * MEBIBYTE // _ROW_BYTES
        site.database.sql(_FILL.format(number=number, rows=rows))
    site.database.sql("VACUUM FREEZE", "CHECKPOINT", "SELECT pg_switch_wal()", "SELECT pg_sleep(3)")
    site.database.sql("ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
    site.configure(full_every_seconds=0)
    site.database.archived()
    return int(site.database.sql(_SIZE))


def good(reason: str) -> None:
    """Check that a run succeeded."""
    if reason:
        raise RuntimeError(reason)


def timed(act: Callable[[], object]) -> float:
    """Give the seconds that something takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def listed(taken: list[float]) -> str:
    """Give all of them."""
    return " ".join(f"{seconds:.1f}" for seconds in taken)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(image_root(), Path(folder), volume())
        # The programs run as another user.
        Path(folder).chmod(0o755)
        with site.running():
            measure(site, chosen.gib, chosen.rounds)


if __name__ == "__main__":
    main()
