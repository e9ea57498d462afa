"""Backups on real nodes: by themselves, by schedule and on demand, and whatever is killed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deploy.local.faults import power_off
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.laboratory.ground import ground
from tests.rest import Object
from tests.sites import local_name
from tests.waiting import until

RARELY = "0 0 29 2 *"
"""A schedule that does not come while the test runs."""
EVERY_MINUTE = "* * * * *"
FILL = "CREATE TABLE filled AS SELECT repeat(md5(n::text), 8) AS m FROM generate_series(1, 300000) AS n"
"""80 MB: more than is copied in a moment."""


@pytest.fixture(scope="module")
def orders(cluster: Cluster, made: Callable[[], str]) -> Iterator[Database]:
    """Give a database of two instances with a first backup."""
    database = Database(cluster, made(), "orders")
    database.apply(replicas=2, backupSchedule=RARELY, backup={"verify": {"schedule": ""}}).expect()
    database.settled()
    database.until_condition("BackedUp", "BackupRecent", 180)
    yield database
    database.delete()


def backups(database: Database) -> dict[str, Any]:
    found: dict[str, Any] = database.status().get("backups") or {}
    return found


def last(database: Database) -> str:
    return str(database.status().get("lastBackupTime") or "")


def jobs(database: Database) -> list[Object]:
    return database.cluster.rest.list("Job", database.namespace)


def until_newer(database: Database, than: str, seconds: float = 120) -> None:
    until(lambda: last(database) > than, seconds, lambda: story(database), POLL)


def story(database: Database) -> str:
    """Tell what the Jobs and their pods say, too."""
    told = [database.story()]
    for pod in database.component_pods("backup"):
        told.append(f"{pod['metadata']['name']}: {pod['status'].get('containerStatuses')}")
        told.append(database.cluster("--namespace", database.namespace, "logs", pod["metadata"]["name"]).out)
    return "\n".join(told)


def ask(database: Database, annotation: str, value: str) -> None:
    command = ("annotate", "--overwrite", "pgdb", database.name, f"keddah.dev/{annotation}={value}")
    database.cluster.good("--namespace", database.namespace, *command)


def create_job(database: Database, name: str) -> None:
    command = ("create", "job", name, f"--from=cronjob/{database.name}-backup")
    database.cluster.good("--namespace", database.namespace, *command)


def test_the_first_backup_is_made_by_itself(orders: Database) -> None:
    held = backups(orders)
    assert held["count"] >= 1
    assert held["sizeBytes"] > 0
    assert held["oldestRestorableTime"] > orders.status()["lastBackupTime"][:10]
    orders.until_told("BackupMade: ")
    table = orders.cluster.good("--namespace", orders.namespace, "get", "pgdb", orders.name)
    assert "LAST BACKUP" in table


def test_a_backup_on_demand_is_made_once_for_each_name(orders: Database) -> None:
    before, count = last(orders), backups(orders)["count"]
    ask(orders, "backup-now", "before-release")
    until_newer(orders, before)
    ask(orders, "backup-now", "something-else")
    until(lambda: backups(orders)["count"] == count + 2, 120, lambda: story(orders), POLL)
    ask(orders, "backup-now", "before-release")
    create_job(orders, "now")
    until(lambda: backups(orders)["count"] == count + 3, 120, lambda: story(orders), POLL)
    assert len(jobs(orders)) <= 4
    assert "now" in [job["metadata"]["name"] for job in jobs(orders)]


def test_the_schedule_is_kept(orders: Database) -> None:
    before = last(orders)
    orders.change(backupSchedule=EVERY_MINUTE)
    until_newer(orders, before, 150)
    orders.change(backupSchedule=RARELY)
    made = [job["metadata"]["name"] for job in jobs(orders)]
    assert [name for name in made if name.startswith("orders-backup-2")], made


def running_job_pod(database: Database, job: str) -> Object | None:
    for pod in database.component_pods("backup"):
        of = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]
        if of == job and pod["status"].get("phase") == "Running":
            return pod
    return None


def test_a_job_whose_pod_is_killed_is_tried_again_and_nothing_half_done_counts(orders: Database) -> None:
    filled = orders.execute(orders.primary(), "psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", FILL, seconds=180)
    assert filled.code == 0, filled.err
    before, count = last(orders), backups(orders)["count"]
    create_job(orders, "killed")
    pod = until(lambda: running_job_pod(orders, "killed"), 60, lambda: story(orders), POLL)
    assert pod
    kill = ("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    orders.cluster.good("--namespace", orders.namespace, *kill)
    until_newer(orders, before, 240)
    assert backups(orders)["count"] == count + 1
    job = orders.child("Job", "killed")
    assert [c["type"] for c in job["status"]["conditions"] if c["status"] == "True"][-1] == "Complete"
    assert job["status"].get("failed", 0) >= 1


def test_a_primary_that_is_killed_meanwhile_costs_no_later_backup(orders: Database) -> None:
    before = last(orders)
    create_job(orders, "primary-lost")
    until(lambda: running_job_pod(orders, "primary-lost"), 60, lambda: story(orders), POLL)
    kill = ("delete", "pod", orders.primary(), "--grace-period=0", "--force")
    orders.cluster.good("--namespace", orders.namespace, *kill)
    orders.settled()
    create_job(orders, "after-failover")
    until_newer(orders, before, 240)
    until(
        lambda: (orders.child("Job", "after-failover").get("status") or {}).get("completionTime"),
        240,
        lambda: story(orders),
        POLL,
    )
    assert orders.condition("BackedUp")["status"] == "True"


def test_a_controller_that_was_away_tells_what_was_made_meanwhile(orders: Database) -> None:
    before = last(orders)
    with orders.cluster.without("controller"):
        create_job(orders, "unseen")
        until(
            lambda: (orders.child("Job", "unseen").get("status") or {}).get("completionTime"),
            180,
            lambda: story(orders),
            POLL,
        )
        # Whoever prunes Jobs may be faster than the controller comes back: the next one tells.
    until_newer(orders, before)


@pytest.mark.own_cluster("takes a node away")
def test_a_lost_node_of_the_repository_and_its_job_costs_no_later_backup(orders: Database) -> None:
    before = last(orders)
    create_job(orders, "node-lost")
    pod = until(lambda: running_job_pod(orders, "node-lost"), 60, lambda: story(orders), POLL)
    assert pod
    node, place = pod["spec"]["nodeName"], ground(local_name())
    power_off(place.state, node)
    try:
        until(lambda: not orders.cluster.node_ready(node), 90, lambda: story(orders), POLL)
    finally:
        place.local("node-power", node, "on")
    until(lambda: orders.cluster.node_ready(node), 120, lambda: story(orders), POLL)
    orders.settled(240)
    until_newer(orders, before, 300)


def test_what_is_remembered_outlives_the_object(orders: Database) -> None:
    before = last(orders)
    orders.delete()
    orders.apply(replicas=2, backupSchedule=RARELY, backup={"verify": {"schedule": ""}}).expect()
    orders.settled()
    until(lambda: last(orders) == before, 30, lambda: story(orders), POLL)
    ask(orders, "backup-now", "after-return")
    until_newer(orders, before)
