"""What backups cost, and of how much use they are: `python -m tests.benchmarks.backups [--only restored]`.

On a real cluster: that of KEDDAH_KUBE_CONTEXT, else one that is made, and taken away afterwards. Of two equal
databases one has backups; the load of both takes turns, so that a busy machine touches both alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from controller.plan.restore.window import newest
from schemas.api.types import decode
from tests import sites
from tests.benchmarks.databases import answered
from tests.benchmarks.load import Pgbench, trickle
from tests.benchmarks.reviews import row
from tests.client_pod import client_pod
from tests.databases import Database
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clusters import Cluster
    from tests.rest import Object

RARELY: Final = "0 0 29 2 *"
"""A schedule that does not come while this runs."""
BACKED_UP: Final = {"backupSchedule": RARELY, "backup": {"fullEvery": "0s", "verify": {"schedule": ""}}}
FILL: Final = """CREATE TABLE filled AS SELECT n, md5(n::text) || md5((n + 1)::text) || md5((n + 2)::text)
    FROM generate_series(1, 780000) AS n"""
"""100 MiB."""
SCALE: Final = 20
"""Of pgbench: 300 MB."""
TURN: Final = 12
"""Seconds of pgbench."""
SHORT: Final = 8
"""Seconds that a backup of those 300 MB takes, about."""
MEBIBYTE: Final = 1 << 20


class Place:
    """Two databases with the same contents, and a client beside them."""

    def __init__(self, cluster: Cluster, options: argparse.Namespace) -> None:
        self.cluster, self.options = cluster, options
        # One that a run before has used may still be going.
        self.namespace = options.namespace or f"keddah-bench-{os.getpid()}"
        self.plain = Database(cluster, self.namespace, "plain")
        self.archived = Database(cluster, self.namespace, "archived")

    def fill(self) -> None:
        """Make both, as soon as somebody needs them."""
        if self.plain.read():
            return
        common: Object = {"replicas": 1, "deletionPolicy": "Delete", "storage": {"size": "6Gi"}}
        # All on one node, the repository and the Jobs too: there they compete as on a real one.
        node = self.cluster.rest.list("Node")[0]["metadata"]["name"]
        common |= {"template": {"nodeSelector": {"kubernetes.io/hostname": node}}}
        self.plain.apply(**common).expect()
        self.archived.apply(**common, **BACKED_UP).expect()
        for database in (self.plain, self.archived):
            database.settled()
            Pgbench(database).prepare(SCALE)
        back_up(self.archived, "filled")


def restored(place: Place) -> None:
    """Measure how long a copy of an idle database takes, from apply to its first answer."""
    client_pod(place.cluster, place.namespace)
    source = Database(place.cluster, place.namespace, "source")
    source.apply(replicas=1, deletionPolicy="Delete", storage={"size": "2Gi"}, **BACKED_UP).expect()
    source.settled()
    # Vacuumed, for what autovacuum writes later would be WAL to replay: the database is to be idle.
    statements = (f"--command={each}" for each in (FILL, "VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"))
    filling = source.execute(source.primary(), "psql", "-X", *statements, seconds=600)
    assert filling.code == 0, filling.err
    back_up(source, "filled")
    taken = []
    for run in range(place.options.runs):
        copy = Database(place.cluster, place.namespace, f"copy-{run}")
        began = time.monotonic()
        wish = {"restore": {"from": {"name": source.name}}, "storage": {"size": "2Gi"}}
        copy.apply(replicas=1, deletionPolicy="Delete", **wish, **BACKED_UP).expect()
        answered(copy)
        taken.append(time.monotonic() - began)
        say(f"restored: {taken[-1]:.1f} s")
        if place.options.logs:
            say(place.cluster("--namespace", place.namespace, "logs", f"{copy.name}-0", "--timestamps").out)
        copy.delete()
    source.delete()
    middle = statistics.median(taken)
    row("copy of 100 MiB: apply -> SELECT 1, median", "<= 15 s", "", f"{middle:.1f} s")
    row("copy of 100 MiB: best, worst", "", "", f"{min(taken):.1f}, {max(taken):.1f} s")


def ages(place: Place) -> None:
    """Measure how old the newest second is that can be restored, under load and idle."""
    place.fill()
    for what, load in (("a row a second", trickle), ("pgbench", Pgbench.always)):
        with load(place.archived):
            # WAL of this load has to be archived first.
            time.sleep(70)
            found = sorted(sampled(place, lambda: age(told(place.archived))))
        middle = statistics.median(found)
        row(f"age of newestRestorableTime, {what}: worst", "<= 65 s", "", f"{found[-1]:.0f} s")
        row(f"age of newestRestorableTime, {what}: median", "", "", f"{middle:.0f} s")
    time.sleep(120)
    found = sorted(sampled(place, lambda: age(accepted(place.archived))))
    row("age of what a restore takes, idle: worst", "<= 65 s", "", f"{found[-1]:.0f} s")


def sampled(place: Place, fact: Callable[[], float]) -> Iterator[float]:
    """Ask every half second."""
    end = time.monotonic() + place.options.seconds
    while time.monotonic() < end:
        yield fact()
        time.sleep(0.5)


def told(database: Database) -> datetime:
    """Give the moment that the status names."""
    return datetime.fromisoformat(database.status()["backups"]["newestRestorableTime"])


def accepted(database: Database) -> datetime:
    """Give the newest moment that a restore of a running database accepts, by the controller's own rule."""
    found = newest(decode(database.read() or {}), datetime.now(UTC))
    assert found
    return found


def age(moment: datetime) -> float:
    """Give its age in seconds."""
    return (datetime.now(UTC) - moment).total_seconds()


def memory(place: Place) -> None:
    """Measure what archiving adds to the memory of a pod, under the same load as without."""
    place.fill()
    rate = ("--rate=50",)
    found: dict[str, list[dict[str, Used]]] = {"plain": [], "archived": []}
    with Pgbench.always(place.plain, *rate), Pgbench.always(place.archived, *rate):
        time.sleep(place.options.seconds)
        for _ in range(30):
            for database in (place.plain, place.archived):
                found[database.name].append(used(database))
            time.sleep(2)
    for what, target, field in (("memory", "<= 20 MiB", 0), ("with the files that were read", "", 1)):
        without, archiving = (
            statistics.median(sum(each[field] for each in one.values()) for one in found[name])
            for name in ("plain", "archived")
        )
        row(f"{what}: added by archiving", target, "", f"{archiving - without:.1f} MiB")
        row(f"{what}: of the pod without", "", "", f"{without:.1f} MiB")
    for name in found["archived"][0]:
        middle = statistics.median(one[name].own for one in found["archived"])
        row(f"memory with archiving, container {name}", "", "", f"{middle:.1f} MiB")


class Used(NamedTuple):
    """The MiB that a container uses, as the kubelet says."""

    own: float
    """Of its processes."""
    working_set: float
    """These, what they share, and the files that they read, as far as the kernel would rather keep them."""


def used(database: Database) -> dict[str, Used]:
    """Give what each container of an instance uses."""
    (pod,) = database.pods()
    where = f"/api/v1/nodes/{pod['spec']['nodeName']}/proxy/stats/summary"
    pods = database.cluster.rest.send("GET", where).expect()["pods"]
    (own,) = (each for each in pods if each["podRef"]["uid"] == pod["metadata"]["uid"])
    return {
        each["name"]: Used(
            each["memory"]["rssBytes"] / MEBIBYTE, each["memory"]["workingSetBytes"] / MEBIBYTE
        )
        for each in own["containers"]
    }


def commits(place: Place) -> None:
    """Measure how much archiving and a backup slow commits down: in turns, for the machine is never quiet."""
    place.fill()
    archiving, costs, backing_up, after_checkpoint = (list[float]() for _ in range(4))
    for _ in range(place.options.rounds):
        for _ in range(3):
            without, with_archive = Pgbench(place.plain).rate(TURN), Pgbench(place.archived).rate(TURN)
            archiving.append(with_archive.commits / without.commits)
            costs.append(with_archive.cost / without.cost)
        before = Pgbench(place.plain).rate(TURN).commits
        meanwhile = Pgbench(place.archived).during(
            partial(back_up, place.archived, f"busy-{time.time():.0f}")
        )
        after = Pgbench(place.plain).rate(TURN).commits
        backing_up.append(meanwhile / statistics.mean((before, after)))
        flushed = Pgbench(place.plain).during(partial(flush, place.plain))
        after_checkpoint.append(flushed / statistics.mean((before, after)))
        told = f"backup {backing_up[-1]:.2f}, checkpoint alone {after_checkpoint[-1]:.2f} of {before:.0f}/s"
        say(f"archiving {archiving[-3:]}, costs {costs[-3:]}, {told}")
    ratios("commits with archiving on, to those without", ">= 0.95", archiving)
    ratios("processor time a commit, to that without", "", costs)
    ratios("commits during a backup, to those without", ">= 0.9", backing_up)
    ratios("commits after a checkpoint without a backup", "", after_checkpoint)


def ratios(what: str, target: str, found: list[float]) -> None:
    """Print a row of ratios: the median, and the least and the largest."""
    row(what, target, "", f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})")


def flush(database: Database) -> tuple[float, float]:
    """Make a checkpoint, with which a backup begins, and give the moments of as long a time."""
    began = time.time()
    database.superuser(database.primary(), "CHECKPOINT")
    time.sleep(max(0.0, began + SHORT - time.time()))
    return began, time.time()


def back_up(database: Database, name: str) -> tuple[float, float]:
    """Make a backup, and give the moments between which its program ran."""
    database.until_condition("BackedUp", "BackupRecent", 180)
    before = {pod["metadata"]["uid"] for pod in database.component_pods("backup")}
    asked = ("annotate", "--overwrite", "pgdb", database.name, f"keddah.dev/backup-now={name}")
    database.cluster.good("--namespace", database.namespace, *asked)

    def ended() -> tuple[float, float] | None:
        for pod in database.component_pods("backup"):
            statuses = pod["status"].get("containerStatuses") or []
            done = statuses[0]["state"].get("terminated") if statuses else None
            if pod["metadata"]["uid"] not in before and done and done["exitCode"] == 0:
                return seconds(done["startedAt"]), seconds(done["finishedAt"])
        return None

    found = until(ended, 300, database.story, 0.5)
    assert found
    return found


def seconds(moment: str) -> float:
    """Give a moment as Unix time."""
    return datetime.fromisoformat(moment).timestamp()


PARTS: Final = {part.__name__: part for part in (restored, memory, commits, ages)}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="some of the parts")
    parser.add_argument("--runs", type=int, default=3, help="copies")
    parser.add_argument("--rounds", type=int, default=4, help="of commits")
    parser.add_argument("--seconds", type=float, default=150, help="of samples")
    parser.add_argument("--namespace", help="one that a killed run has left, with its databases")
    parser.add_argument("--logs", action="store_true", help="print the log of each copy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sites.prepared(say, Path(folder)) as cluster:
        place = Place(cluster, options)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.namespace}}
        cluster.rest.apply(namespace).expect()
        try:
            for name in options.only or PARTS:
                PARTS[name](place)
        finally:
            cluster.rest.delete("Namespace", None, place.namespace)


def say(line: str) -> None:
    """Tell how it goes."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
