"""`python -m tests.laboratory.parameters --sets 50 [--seed 7] [--major 17]`: sets of parameters, one by one.

Whatever admission accepts is applied to a running database of three; then the primary moves, and the
container of the next one is killed. It must end Ready each time, with all rows; the cluster tier tries a few.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TypeAlias

from controller.sessions import options
from deploy.target import CHECKOUT
from tests import sites
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.parameter_sets import RESOURCES, accepted, seeded, statements
from tests.rest import Object, RefusedError
from tests.waiting import until

KILL = "kill -KILL $(cat /proc/1/task/1/children)"
ROWS = 100
_PINNED = ("env", f"PGOPTIONS={options(superuser=True)}", "psql", "-X")

Parameters: TypeAlias = "dict[str, str]"


@dataclass(frozen=True)
class Trial:
    """One set of parameters, and what users set in SQL besides, by the role that does."""

    seed: int
    parameters: Parameters
    statements: dict[str, list[str]]


def trial(seed: int, major: int) -> Trial:
    """Draw a trial; the same one for the same seed."""
    random = seeded(seed)
    return Trial(seed, accepted(random, major, replicas=3, resources=RESOURCES), statements(random, major))


def make(database: Database, major: int) -> None:
    """Create the database that sets are applied to, with some rows."""
    database.apply(version=str(major), replicas=3, resources=RESOURCES).expect()
    database.settled()
    database.sql(f"CREATE TABLE kept AS SELECT generate_series(1, {ROWS}) AS n")


def bear(database: Database, given: Trial) -> None:
    """Apply a trial, and see that the database survives the move and the loss of its primary under it."""
    apply(database, given.parameters)
    for role, words in given.statements.items():
        for statement in words:
            # What the server refuses has done no harm.
            administer(database, f"SET ROLE {role}; {statement}")
    database.up()
    database.hand_over(database.standbys()[0])
    database.up()
    _kill(database, database.primary())
    database.up()
    assert administer(database, "SELECT count(*) FROM public.kept", "app") == str(ROWS), given


def _kill(database: Database, pod: str) -> None:
    before = _restarts(database.child("Pod", pod))
    database.execute(pod, "sh", "-c", KILL)
    until(lambda: _restarts(database.child("Pod", pod)) > before, 60, database.story, POLL)


def take_back(database: Database) -> None:
    """Undo everything; the database must heal by that alone, whatever state it is in."""
    apply(database, {})
    for target in ("ROLE ALL", "ROLE postgres", "ROLE app", "DATABASE postgres", "DATABASE app"):
        administer(database, f"ALTER {target} RESET ALL")
    administer(database, "ALTER ROLE postgres IN DATABASE postgres RESET ALL")
    database.settled()
    assert database.sql("SELECT count(*) FROM kept") == str(ROWS)


def apply(database: Database, parameters: Parameters) -> None:
    """Declare these parameters and no others."""
    before = (database.read() or {})["spec"].get("parameters") or {}
    database.change(parameters={**dict.fromkeys(before), **parameters})


def administer(database: Database, statement: str, where: str = "postgres") -> str:
    """Run a statement on the primary, in a session that users' settings do not reach."""
    return database.execute(database.primary(), *_PINNED, "-d", where, "-Atc", statement).out.strip()


def _restarts(pod: Object) -> int:
    return sum(each["restartCount"] for each in pod["status"].get("containerStatuses") or [])


def main() -> int:
    """Try sets, and print how each was borne; 1 when one was not: it stays as it is with `--keep-cluster`."""
    parser = argparse.ArgumentParser(prog="python -m tests.laboratory.parameters", description=__doc__)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first set; the next has the next one")
    parser.add_argument("--major", type=int, default=18)
    parser.add_argument("--keep-cluster", action="store_true", help="leave the cluster up for the next run")
    wanted = parser.parse_args()
    folder = CHECKOUT / "build" / "laboratory"
    folder.mkdir(parents=True, exist_ok=True)
    with sites.prepared(_say, folder, keep=wanted.keep_cluster) as cluster:
        tries = _Tries(cluster, wanted.major)
        for seed in range(wanted.seed, wanted.seed + wanted.sets):
            tries.attempt(trial(seed, wanted.major))
        tries.leave()
    _say(f"{wanted.sets - len(tries.failed)} of {wanted.sets} sets were survived; not: {tries.failed}")
    return 1 if tries.failed else 0


class _Tries:
    """One database after another: each bears sets until one is too much for it."""

    def __init__(self, cluster: Cluster, major: int) -> None:
        self.failed: list[int] = []
        self._cluster, self._major = cluster, major
        self._database: Database | None = None

    def attempt(self, given: Trial) -> None:
        """Apply one trial, and take it back."""
        begun = time.monotonic()
        _say(f"{given.seed}: {given}")
        try:
            database = self._database = self._database or self._another()
            bear(database, given)
            take_back(database)
            _say(f"{given.seed}: survived, {time.monotonic() - begun:.0f} s")
        except (AssertionError, RefusedError, subprocess.SubprocessError) as error:
            self.failed.append(given.seed)
            _say(f"{given.seed}: FAILED after {time.monotonic() - begun:.0f} s: {error}")
            self.leave()

    def leave(self) -> None:
        """Delete the database, without waiting for it."""
        if self._database is not None:
            self._cluster.rest.delete("Namespace", None, self._database.namespace)
        self._database = None

    def _another(self) -> Database:
        name = f"keddah-parameters-{os.getpid()}-{len(self.failed)}"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._cluster.rest.create(namespace).expect()
        database = Database(self._cluster, name)
        make(database, self._major)
        return database


def _say(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
