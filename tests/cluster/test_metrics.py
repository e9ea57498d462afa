"""What the instances tell Prometheus, as whom the exporter reads it, and queries of users' own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

import pytest

from controller.desired.exporter.metrics import METRICS
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.pages import Samples, of_instance
from tests.waiting import until

pytestmark = pytest.mark.minutes(2)

ONLY_SOMETIMES = {
    # Without locks, a bound, an archive, custom queries.
    "pg_locks_count",
    "pg_replication_slot_safe_wal_size_bytes",
    "pg_stat_archiver_last_archive_age",
    "keddah_exporter_custom_query_failed",
}
QUERIES = """
shop:
  query: SELECT count(*) AS kept FROM public.kept
  metrics: [{kept: {usage: GAUGE, description: Rows.}}]
broken:
  query: SELECT 1 AS a UNION ALL SELECT 2
  metrics: [{a: {usage: GAUGE, description: Twice.}}]
"""


def psql(database: Database, pod: str, container: str, statement: str, host: str = "/run/postgresql") -> str:
    where = ("--namespace", database.namespace, "exec", pod, f"--container={container}", "--")
    command = ("psql", "-XAtw", "-h", host, "-U", "keddah_exporter", "postgres", "-c", statement)
    done = database.cluster(*where, *command)
    return (done.out + done.err).strip()


def up(database: Database, pod: str) -> Samples | None:
    found = of_instance(database, pod)
    return found if found.get("pg_up") == {(): 1.0} else None


def test_every_instance_tells_all_there_is_in_the_table(trio: Database) -> None:
    pages: dict[str, Any] = {pod: until(partial(up, trio, pod), 30) for pod in trio.pod_names()}
    primary = pages[trio.primary()]
    roles = [page["pg_replication_is_replica"][()] for page in pages.values()]
    assert sorted(roles) == [0, 1, 1]
    assert primary["pg_replication_is_replica"] == {(): 0}
    assert primary["pg_replication_standbys"] == {(): 2}
    assert primary["pg_replication_synchronous_standbys"][()] >= 1
    told = set().union(*pages.values())
    named = {metric.name for metric in METRICS if not metric.name.startswith("pg_stat_statements")}
    assert named - told <= ONLY_SOMETIMES
    assert told <= {metric.name for metric in METRICS}
    for page in pages.values():
        assert page["keddah_exporter_failed_queries"] == {(): 0}
        assert page["keddah_exporter_scrape_seconds"][()] < 5
        assert page["process_resident_memory_bytes"][()] <= 25 << 20
        assert (
            0 < page["keddah_instance_volume_available_bytes"][()] < page["keddah_instance_volume_bytes"][()]
        )
        assert (("certificate", "members"),) in page["keddah_instance_certificate_expiry_timestamp_seconds"]
        assert page["pg_database_size_bytes"][("datname", "app"),] > 1 << 20


def test_the_role_reads_and_nobody_but_the_exporter_is_it(trio: Database) -> None:
    pod = trio.primary()
    assert psql(trio, pod, "keddah-exporter", "SELECT current_user") == "keddah_exporter"
    assert "read-only transaction" in psql(trio, pod, "keddah-exporter", "CREATE TABLE t ()")
    assert "permission denied" in psql(trio, pod, "keddah-exporter", "SELECT * FROM pg_authid")
    assert "Peer authentication failed" in psql(trio, pod, "postgres", "SELECT 1")
    assert "pg_hba.conf rejects" in psql(trio, pod, "keddah-exporter", "SELECT 1", "localhost")


@pytest.fixture(scope="module")
def watched(cluster: Cluster, made: Callable[[], str]) -> Database:
    """Give a database with queries of a user's, and with its statements counted."""
    database = Database(cluster, made())
    asked = {"name": "app", "extensions": ["pg_stat_statements"]}
    database.apply(databases=[asked], monitoring={"queries": [{"configMap": "shop"}]}).expect()
    database.settled()
    database.sql("; ".join(f"SELECT {', '.join(['1'] * columns)}" for columns in range(1, 71)))
    return database


def test_a_query_of_a_users_is_told_or_told_of_and_harms_nothing(watched: Database) -> None:
    database = watched
    found: Any = until(lambda: up(database, "db-0"), 30)
    assert found["keddah_exporter_custom_query_failed"] == {(("query", "shop/queries.yaml"),): 1}
    missing = until(lambda: failing(database, "there is no such ConfigMap"), 60, database.story)
    assert missing
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 7); GRANT SELECT ON kept TO keddah_exporter")
    metadata = {"name": "shop", "namespace": database.namespace}
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"queries.yaml": QUERIES},
    }
    database.cluster.rest.create(config).expect()
    found = until(lambda: told(database, "shop_kept"), 150, database.story)
    assert found["shop_kept"] == {(): 7}
    assert found["pg_up"] == {(): 1}
    assert found["keddah_exporter_custom_query_failed"][("query", "shop/queries.yaml: broken"),] == 1
    assert until(lambda: failing(database, "two rows have the same labels"), 60, database.story)


def test_fifty_statements_are_told_and_none_of_their_words(watched: Database) -> None:
    name = "pg_stat_statements_calls_total"
    # What is expensive to find out is asked for once a minute.
    page: Any = until(lambda: told(watched, name), 150, watched.story)
    of_all = {metric.name for metric in METRICS if metric.name.startswith("pg_stat_statements")}
    rows = page[name]
    assert len(rows) == 50
    assert {metric: page[metric].keys() for metric in of_all} == dict.fromkeys(of_all, rows.keys())
    labels = [dict(row) for row in rows]
    assert all(each.keys() == {"queryid", "user", "datname"} for each in labels)
    assert all(each["queryid"].lstrip("-").isdecimal() for each in labels)
    assert {each["user"] for each in labels} <= {"app", "postgres", "keddah", "keddah_exporter"}
    assert {"app"} <= {each["datname"] for each in labels} <= {"app", "postgres"}
    assert all(count >= 1 for count in rows.values())


def test_a_scrape_is_answered_in_time_while_the_primary_is_lost(trio: Database) -> None:
    former = trio.primary()
    data = trio.superuser(former, "SHOW data_directory")
    looks: dict[str, list[tuple[float, Samples]]] = {pod: [] for pod in trio.pod_names()}
    over = Event()

    def look(pod: str) -> None:
        while not over.wait(0.2):
            began = time.monotonic()
            page = of_instance(trio, pod)
            looks[pod].append((time.monotonic() - began, page))

    with ThreadPoolExecutor(len(looks)) as threads:
        looking = [threads.submit(look, pod) for pod in looks]
        try:
            until(lambda: all(looks.values()))
            # Whoever supervises it lives, and so does the exporter beside it.
            trio.execute(former, "sh", "-c", f"kill -KILL $(head -1 {data}/postmaster.pid)")
            until(lambda: trio.primaries() not in ([], [former]), 60, trio.story, POLL)
            trio.settled()
            counted = {pod: len(found) for pod, found in looks.items()}
            until(lambda: all(len(looks[pod]) > count + 1 for pod, count in counted.items()))
        finally:
            over.set()
    for each in looking:
        each.result()
    for pod, found in looks.items():
        assert all("pg_up" in page for _, page in found), f"{pod} did not answer"
        # Prometheus waits for ten seconds.
        assert max(seconds for seconds, _ in found) < 9
        assert found[-1][1]["pg_up"] == {(): 1}
    ups = [page["pg_up"][()] for _, page in looks[former]]
    assert 0 in ups, "what it said while its server was dead"
    assert [page["pg_replication_is_replica"][()] for _, page in looks[former] if page["pg_up"][()]][-1] == 1


def test_a_server_that_stands_still_is_said_to_be_down(trio: Database) -> None:
    [standby, *_] = trio.standbys()
    until(partial(up, trio, standby), 30)
    pid = trio.superuser(standby, "SELECT pid FROM pg_stat_activity WHERE usename = 'keddah_exporter'")
    trio.execute(standby, "kill", "-STOP", *pid.split())
    try:
        time.sleep(1)  # For as long a page is given again.
        began = time.monotonic()
        found = of_instance(trio, standby)
        assert time.monotonic() - began < 9
        assert found["pg_up"] == {(): 0}
        assert found["keddah_instance_volume_bytes"][()] > 0
        # Over another connection it answers.
        until(partial(up, trio, standby), 30)
    finally:
        trio.execute(standby, "kill", "-CONT", *pid.split())


def failing(database: Database, words: str) -> bool:
    of_instance(database, "db-0")
    condition = database.condition("Monitored")
    return condition.get("reason") == "QueriesFailing" and words in condition["message"]


def told(database: Database, name: str) -> Samples | None:
    found = of_instance(database, "db-0")
    return found if name in found else None
