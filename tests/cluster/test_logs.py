"""The lines of all containers of a database, whatever happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.protocol.member import CONTAINER, container
from schemas.records import REQUIRED
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.waiting import until

pytestmark = pytest.mark.minutes(2)

KILL = "kill -KILL $(cat /proc/1/task/1/children)"
RARELY = "0 0 29 2 *"
"""A schedule that does not come while the test runs."""
ERROR = "SELECT 1/0"


@pytest.fixture(scope="module")
def orders(cluster: Cluster, made: Callable[[], str]) -> Iterator[Database]:
    """Give a database of two instances with a first backup, whose primary was killed."""
    database = Database(cluster, made(), "orders")
    database.apply(replicas=2, backupSchedule=RARELY, backup={"verify": {"schedule": ""}}).expect()
    database.settled()
    database.until_condition("BackedUp", "BackupRecent", 180)
    primary = database.primary()
    database.execute(primary, "sh", "-c", KILL)
    until(lambda: database.status().get("primary", primary) != primary, 60, database.story, POLL)
    database.settled()
    yield database
    database.delete()


def lines(database: Database, pod: str, *options: str) -> list[str]:
    """Return what a pod's containers have logged, or one of them."""
    which = options or ("--all-containers",)
    return database.cluster.good("--namespace", database.namespace, "logs", pod, *which).splitlines()


def records(database: Database, pod: str, *options: str) -> list[dict[str, Any]]:
    """Return the same as records; each line has all fields, and says whose it is."""
    found: list[dict[str, Any]] = [json.loads(line) for line in lines(database, pod, *options)]
    for each in found:
        assert set(REQUIRED) < set(each), each
        assert (each["database"], each["instance"]) == (f"{database.namespace}/{database.name}", pod), each
    return found


def restarts(database: Database) -> dict[str, int]:
    """Return how often the container of each instance was started again."""
    return {
        pod["metadata"]["name"]: container(pod["status"]).get("restartCount", 0) for pod in database.pods()
    }


def loggers(found: list[dict[str, Any]]) -> set[str]:
    return {each["logger"].partition(".")[0] for each in found}


def test_every_line_of_every_container_has_the_same_fields(orders: Database) -> None:
    for pod in orders.pod_names():
        found = records(orders, pod)
        assert {"postgres", "patroni", "keddah"} <= loggers(found), loggers(found)
    (repository,) = (pod["metadata"]["name"] for pod in orders.component_pods("repository"))
    assert "keddah" in loggers(records(orders, repository))
    jobs = [pod["metadata"]["name"] for pod in orders.component_pods("backup")]
    backup = [line for pod in jobs for line in records(orders, pod)]
    assert {"pgbackrest", "keddah"} <= loggers(backup)
    (result,) = (line["result"] for line in backup if "result" in line)
    assert result["command"] == "backup"


def test_the_container_that_was_killed_has_left_its_lines(orders: Database) -> None:
    killed = orders.standbys()[0]
    before = records(orders, killed, f"--container={CONTAINER}", "--previous")
    assert {"postgres", "patroni"} <= loggers(before)


def test_the_last_line_of_a_container_that_is_ended_is_there(orders: Database) -> None:
    standby = orders.standbys()[0]
    before = restarts(orders)[standby]
    # As the kubelet does with that of a pod that is deleted, whose log would go with it.
    orders.execute(standby, "kill", "-TERM", "1")
    until(lambda: restarts(orders)[standby] > before, 60, orders.story, POLL)
    messages = [line["msg"] for line in records(orders, standby, f"--container={CONTAINER}", "--previous")]
    assert "received fast shutdown request" in messages
    assert messages[-1] == "database system is shut down", messages[-5:]
    orders.settled()


def test_text_restarts_nothing(orders: Database) -> None:
    before, primary = (orders.uids(), restarts(orders)), orders.primary()
    orders.change(logging="Text")
    orders.until_everywhere("SHOW log_destination", "stderr")

    def plain() -> bool:
        done = orders.execute(primary, "psql", "-Xd", "app", "-c", ERROR)
        assert "division by zero" in done.err
        found = lines(orders, primary, f"--container={CONTAINER}", "--tail=20")
        ends = [at for at, line in enumerate(found) if line.endswith("ERROR:  division by zero")]
        texts = [at for at in ends if not found[at].startswith("{")]
        return bool(texts) and not any(line.startswith("{") for line in found[texts[0] :])

    until(plain, 120, orders.story, 1.0)
    orders.settled()
    assert ((orders.uids(), restarts(orders)), orders.primary()) == (before, primary)
