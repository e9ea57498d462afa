"""Whatever is killed in the middle of a restore: it ends well or begins again, and no half is served."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from deploy.local.faults import power_off
from tests.clusters import OPERATOR, POLL, Cluster
from tests.databases import Database
from tests.laboratory.ground import ground
from tests.repositories import switched, until_archived
from tests.restores import NOW, Phase, annotate, backups, hold, let_go, watched
from tests.sites import local_name
from tests.waiting import until

RARELY = "0 0 29 2 *"
"""A schedule that does not come while the test runs."""
FILL = "SELECT n, repeat(md5(n::text), 8) AS m FROM generate_series(1, {}00000) AS n"
"""27 MB and more: restoring the files, and replaying the WAL, takes longer than a moment."""
CONTENT = """SELECT (SELECT string_agg(number::text, ',' ORDER BY number) FROM seen),
 (SELECT count(*) FROM before), (SELECT sum(hashtext(m)::bigint) FROM before),
 (SELECT count(*) FROM after), (SELECT sum(hashtext(m)::bigint) FROM after)"""
VOLUME = "/var/lib/postgresql"
DATA = f"{VOLUME}/*/data.before-*/PG_VERSION"
LEFT_MIB = 64
"""Less than is restored, and more than a full volume has."""


@dataclass(frozen=True)
class Source:
    """A database of two instances, and what it holds: all of it, and at an earlier second."""

    database: Database
    content: str
    earlier: str
    then: str


@pytest.fixture(scope="module")
def source(cluster: Cluster, made: Callable[[], str]) -> Iterator[Source]:
    """Give the database: a part of its rows is in a backup, another in WAL alone."""
    database = Database(cluster, made(), "orders")
    database.apply(replicas=2, backupSchedule=RARELY, backup={"verify": {"schedule": ""}}).expect()
    database.settled()
    database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
    database.sql(f"CREATE TABLE before AS {FILL.format(3)}")
    until(lambda: backups(database) == 1, 180, database.story, 5 * POLL)
    annotate(database, backup_now="filled")
    until(lambda: backups(database) == 2, 120, database.story, 5 * POLL)
    database.sql("INSERT INTO seen VALUES (1)")
    database.sql(f"CREATE TABLE after AS {FILL.format(1)}")
    database.sql("SELECT pg_sleep(1.1)")
    earlier, then = database.sql(CONTENT), database.sql(NOW)
    database.sql("SELECT pg_sleep(1.1)")
    database.sql("INSERT INTO seen VALUES (2)")
    content = database.sql(CONTENT)
    until_archived(database, switched(database))
    yield Source(database, content, earlier, then)
    database.delete()


def copy(source: Source, name: str, **spec: object) -> Database:
    """Begin to restore the newest second into a new database."""
    of = source.database
    made = Database(of.cluster, of.namespace, name)
    made.apply(replicas=1, restore={"from": {"name": of.name}}, **spec).expect()
    return made


def hold_all(*restores: tuple[Database, Phase]) -> None:
    """Hold several restores that go on side by side."""
    with ThreadPoolExecutor(len(restores)) as pool:
        for each in [pool.submit(hold, database, phase) for database, phase in restores]:
            each.result()


def kill(database: Database, *pod: str, namespace: str = "") -> None:
    """Delete pods as a lost node's are: nothing in them has time to end in order."""
    where = ("--namespace", namespace or database.namespace)
    database.cluster.good(*where, "delete", "pod", *pod, "--force", "--grace-period=0")


def kill_controllers(database: Database) -> None:
    kill(database, "--selector=app.kubernetes.io/component=controller", namespace=OPERATOR)


def on(node: str) -> dict[str, object]:
    return {"template": {"nodeSelector": {"kubernetes.io/hostname": node}}}


def node_of(database: Database, pod: str) -> str:
    return str(database.child("Pod", pod)["spec"]["nodeName"])


def test_a_restore_outlives_its_pod_the_controller_and_the_sources_primary(source: Source) -> None:
    names = ("pod", "controller", "primary")
    by_pod, by_controller, by_primary = (copy(source, name) for name in names)
    with ExitStack() as stack:
        for each in (by_pod, by_controller, by_primary):
            stack.enter_context(watched(each, CONTENT, source.content))
        hold_all((by_pod, "replay"), (by_controller, "files"), (by_primary, "replay"))
        kill(by_pod, "pod-0")
        kill_controllers(by_controller)
        let_go(by_controller)
        kill(by_primary, source.database.primary())
        let_go(by_primary)
    for each in (by_pod, by_controller, by_primary):
        each.delete()
    source.database.settled()
    assert source.database.sql(CONTENT) == source.content


@pytest.mark.own_cluster("takes a node away")
@pytest.mark.minutes(2)
def test_a_restore_outlives_the_sources_repository_and_its_own_node(cluster: Cluster, source: Source) -> None:
    repository, place = f"{source.database.name}-repository-0", ground(local_name())
    near = node_of(source.database, repository)
    taken = {near, node_of(source.database, source.database.primary())}
    nodes = {node["metadata"]["name"] for node in cluster.rest.list("Node")}
    far = min(nodes - taken)
    by_repository, by_node = copy(source, "repository", **on(near)), copy(source, "node", **on(far))
    with watched(by_node, CONTENT, source.content):
        with watched(by_repository, CONTENT, source.content):
            hold_all((by_repository, "files"), (by_node, "replay"))
            power_off(place.state, far)
            kill(source.database, repository)
            let_go(by_repository)
        until(lambda: not cluster.node_ready(far), 90, by_node.story, POLL)
        place.local("node-power", far, "on")
        until(lambda: cluster.node_ready(far), 120, by_node.story, POLL)
    for each in (by_repository, by_node):
        each.delete()
    source.database.settled(240)
    cluster.until_operated()
    until(lambda: cluster.admits(source.database.namespace), 120)


@pytest.mark.own_cluster("needs volumes of a true size")
def test_a_restore_in_place_that_has_no_room_is_refused(source: Source) -> None:
    database = source.database
    database.change(replicas=1)
    database.settled()
    before = database.uids()
    free = f"$(df -m --output=avail {VOLUME} | tail -1)"
    fill = f"fallocate -l $(({free} - {LEFT_MIB}))M {VOLUME}/ballast"
    assert database.execute("orders-0", "sh", "-c", fill).code == 0
    try:
        # What is told of the volume may be some seconds old.
        until(lambda: room(database) <= LEFT_MIB, 30, database.story, POLL)
        annotate(database, restore_to=source.then)
        told = database.until_condition("Stalled", "RestoreRefused", 60)["message"]
        assert "MiB are restored beside the data that is kept" in told
        assert "increase spec.storage.size" in told
    finally:
        annotate(database, restore_to=None)
        until(lambda: not refused(database), 60, database.story, POLL)
        database.execute("orders-0", "rm", f"{VOLUME}/ballast")
    until(lambda: room(database) > LEFT_MIB, 30, database.story, POLL)
    database.settled()
    assert database.uids() == before
    assert database.sql(CONTENT) == source.content


def refused(database: Database) -> bool:
    return str(database.condition("Stalled").get("reason")) == "RestoreRefused"


def room(database: Database) -> int:
    """Give how much room the volume of the first instance is said to have."""
    status = database.child("Pod", "orders-0")["metadata"]["annotations"]["status"]
    return int(json.loads(status)["tags"]["room"])


def begin(source: Source, to: str, phase: Phase) -> None:
    """Begin a restore in place, of the first instance alone: test_restore_in_place.py has the others."""
    source.database.change(replicas=1)
    source.database.settled()
    annotate(source.database, restore_to=to)
    hold(source.database, phase)


def until_over(database: Database) -> None:
    """Wait until nothing is left of what was there for a restore in place."""
    request = ("ConfigMap", database.namespace, f"{database.name}-restore")
    until(lambda: not database.cluster.rest.get(*request), 120, database.story, POLL)
    database.settled()


def test_a_restore_in_place_outlives_the_controller(source: Source) -> None:
    begin(source, source.then, "files")
    with watched(source.database, CONTENT, source.earlier):
        kill_controllers(source.database)
        let_go(source.database)
    until_over(source.database)
    assert source.database.sql(CONTENT) == source.earlier


def test_a_restore_in_place_whose_pod_is_killed_begins_again_and_can_be_undone(source: Source) -> None:
    database = source.database
    database.sql("INSERT INTO seen VALUES (3)")
    former = database.sql(CONTENT)
    # The same moment, written otherwise: it was asked for before.
    begin(source, source.then.replace("Z", "+00:00"), "replay")
    with watched(database, CONTENT, source.earlier):
        kill(database, f"{database.name}-0")
    until_over(database)
    # Neither of the restores has touched what was there before it.
    kept = database.execute(f"{database.name}-0", "sh", "-c", f"ls {DATA}").out.split()
    assert len(kept) == 2, kept
    annotate(database, restore_to="former")
    until(lambda: database.condition("Ready").get("status") != "True", 60, database.story, POLL)
    with watched(database, CONTENT, former):
        pass
    until_over(database)
    assert database.sql(CONTENT) == former
