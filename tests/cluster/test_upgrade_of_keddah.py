"""keddah is upgraded from the release before, and rolled back, while applications and its users are busy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.installation import await_serving
from deploy.target import Target, choose
from tests import policies, releases, sites
from tests.clusters import POLL, Cluster, reached
from tests.databases import Database
from tests.disturbances import failed_calls
from tests.laboratory.client import NO_ANSWER
from tests.laboratory.ground import ground
from tests.laboratory.laboratory import Laboratory
from tests.laboratory.ledger import Ledger, balance
from tests.laboratory.writer import writing
from tests.machine import crowded
from tests.releases import CANARY_SECONDS, NEXT, Release
from tests.rounds import Rounds
from tests.serving import Calls
from tests.waiting import until

pytestmark = [
    pytest.mark.own_cluster("has images of two releases on its nodes"),
    pytest.mark.minutes(4),
]

RARELY = "0 0 29 2 *"
AT_ONCE = 2
QUIET_SECONDS = 10
NEWER = f"the pod template of keddah {NEXT}"


@dataclass(frozen=True)
class Place:
    """A cluster of this file's own, the two releases, and a folder."""

    target: Target
    cluster: Cluster
    former: Release
    following: Release
    folder: Path

    def install(self, release: Release, *, opens: timedelta) -> float:
        """Apply a release as `make deploy` does; the window opens so long from now. Gives the seconds."""
        start = datetime.now(UTC) + opens
        window = {"start": start.strftime("%H:%M"), "duration": "1h"}
        upgrades = {"when": "window", "atOnce": AT_ONCE, "window": window}
        overlay = release.write_overlay(self.folder / "overlay", upgrades)
        began = time.monotonic()
        self.cluster.good("apply", "--server-side", "-k", str(overlay), seconds=120)
        policies.bring(self.cluster)
        await_serving(self.target, lambda _: None)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give a cluster with the release before this one."""
    folder = tmp_path_factory.mktemp("releases")
    former, following = (make(folder / make.__name__) for make in (releases.former, releases.following))
    say(f"from {former.words} to {following.words}")
    target = choose(say, name=f"{sites.local_name()}-upgrade", own=True)
    archives = list(dict.fromkeys([*reversed(former.archives), *reversed(following.archives)]))
    try:
        target.up(archives)
        with reached(target.environment) as cluster:
            made = Place(target, cluster, former, following, folder)
            made.install(former, opens=timedelta(hours=2))
            yield made
    finally:
        target.down()


@pytest.fixture(scope="module")
def cluster(place: Place) -> Cluster:
    """Give that cluster."""
    return place.cluster


@pytest.fixture
def laboratory(place: Place, namespace: str) -> Laboratory:
    """Give a database of three instances with backups, and empty tables."""
    made = Laboratory(place.cluster, namespace, ground(place.target.name), place.folder, RARELY)
    made.prepare(3)
    return made


@pytest.fixture
def databases(laboratory: Laboratory) -> list[Database]:
    """Give databases of one, two and three instances, all at rest."""
    trio = laboratory.database
    alone, pair = (Database(trio.cluster, trio.namespace, name) for name in ("alone", "pair"))
    alone.apply().expect()
    pair.apply(replicas=2).expect()
    for each in (alone, pair):
        each.settled()
    trio.until_condition("BackedUp", "BackupRecent", 180)
    return [alone, pair, trio]


class Begins(Rounds):
    """Notes when each database lost the first of its pods, and when all of them were others and ready."""

    def __init__(self, databases: list[Database]) -> None:
        super().__init__("begins", every=0.3)
        self._databases = databases
        self._before = {each.name: each.uids() for each in databases}
        self.begun: dict[str, float] = {}
        self.through: dict[str, float] = {}

    def look(self) -> None:
        """Look at the pods of each."""
        for database in self._databases:
            name, before = database.name, self._before[database.name]
            now = database.uids()
            if now != before:
                self.begun.setdefault(name, time.monotonic())
            others = len(now) == len(before) and not set(now.values()) & set(before.values())
            if others and database.status().get("readyReplicas") == len(before):
                self.through.setdefault(name, time.monotonic())


def say(line: str) -> None:
    """Tell which releases these are."""
    print(line, flush=True)


def containers(databases: list[Database], *components: str) -> Mapping[str, Any]:
    """Give each pod's UID, and how often each of its containers was restarted."""
    parts = components or ("database", "repository")
    pods = (pod for each in databases for part in parts for pod in each.component_pods(part))
    return {
        pod["metadata"]["name"]: (
            pod["metadata"]["uid"],
            [(each["name"], each["restartCount"]) for each in pod["status"]["containerStatuses"]],
        )
        for pod in pods
    }


def disturbances(ledger: Ledger, since: float = 0.0) -> list[tuple[float, str]]:
    """Give what the application was refused; not what took two seconds on a machine that has no room."""
    slow = NO_ANSWER if crowded() else "\0"
    return [(at, words) for at, words in ledger.failures if at >= since and not words.startswith(slow)]


def remembered(database: Database) -> tuple[object, object]:
    """Give how many backups it knows of, and when the last one was."""
    status = database.status()
    return status["backups"]["count"], status["lastBackupTime"]


def pending(database: Database, *, newer: bool) -> bool:
    """Whether it says that the pods of that release wait for the window."""
    told = database.condition("UpToDate")
    reasons = {"UpgradePending"} if newer else {"UpgradePending", "DowngradeRefused"}
    return told.get("reason") in reasons and (NEWER in told["message"]) is newer


def await_pending(databases: list[Database], *, newer: bool) -> None:
    """Wait until every one says so, and for a while in which nothing may happen."""
    for each in databases:
        until(partial(pending, each, newer=newer), 60, each.story, POLL)
    time.sleep(QUIET_SECONDS)


def rolled(place: Place, databases: list[Database]) -> Begins:
    """Open the window, and wait until all have the newer template."""

    def there(database: Database) -> bool:
        up_to_date = database.condition("UpToDate").get("status") == "True"
        return up_to_date and database.name in begins.through

    with Begins(databases) as begins:
        place.install(place.following, opens=timedelta(minutes=-10))
        for each in databases:
            until(partial(there, each), 180, each.story, POLL)
    return begins


def test_an_upgrade_and_its_way_back_disturb_nobody(
    place: Place, laboratory: Laboratory, databases: list[Database]
) -> None:
    trio, before = laboratory.database, containers(databases)
    backups = remembered(trio)
    refused = failed_calls(place.cluster)
    ledger = laboratory.folder / "ledger"
    with Calls(place.cluster.rest, every=0.1) as calls, writing("app", laboratory.settings(), ledger) as app:
        seconds = place.install(place.following, opens=timedelta(hours=2))
        await_pending(databases, newer=True)
        print(f"upgraded in {seconds:.1f} s: {len(calls.failed)} of {calls.made} calls failed")
        assert (containers(databases), remembered(trio)) == (before, backups)
        assert disturbances(app.ledger()) == []
        begins = rolled(place, databases)
        first, *others = sorted(begins.begun, key=begins.begun.__getitem__)
        served = begins.begun[others[0]] - begins.through[first]
        print(f"rolled in the order {first} {others}; the first had served for {served:.1f} s")
        assert served > CANARY_SECONDS - 2
        laboratory.until_well()
        repository = f"{trio.name}-repository-0"
        until(lambda: containers([trio])[repository] != before[repository], 60, trio.story, POLL)
        after, begun = containers(databases, "database"), time.monotonic()
        seconds = place.install(place.former, opens=timedelta(hours=2))
        await_pending(databases, newer=False)
        print(f"rolled back in {seconds:.1f} s: {len(calls.failed)} of {calls.made} calls failed")
        # Commit 473aedb lets no server of a repository wait.
        assert containers(databases, "database") == after
        assert disturbances(app.ledger(), begun) == []
    for each in databases:
        each.settled()
    # It looks after pods that are of the newer release.
    databases[1].change(parameters={"work_mem": "8MB"})
    databases[1].until_everywhere("SHOW work_mem", "8MB")
    assert containers(databases, "database") == after
    assert calls.failed == []
    assert failed_calls(place.cluster) == refused
    found = balance(app.ledger(), laboratory.rows("app"))
    gap = app.ledger().longest(0).seconds
    print(f"{len(app.ledger().acknowledged)} rows, {found}, the longest gap {gap:.2f} s")
    assert (found.lost, found.doubled) == ((), ())
    assert (trio.condition("BackedUp")["status"], remembered(trio)) == ("True", backups)
