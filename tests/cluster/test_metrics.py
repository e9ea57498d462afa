"""What the instances tell Prometheus, as whom the exporter reads it, and queries of users' own."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from controller.desired.exporter.metrics import METRICS
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


def test_a_query_of_a_users_is_told_or_told_of_and_harms_nothing(database: Database) -> None:
    database.apply(monitoring={"queries": [{"configMap": "shop"}]}).expect()
    database.settled()
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


def failing(database: Database, words: str) -> bool:
    of_instance(database, "db-0")
    condition = database.condition("Monitored")
    return condition.get("reason") == "QueriesFailing" and words in condition["message"]


def told(database: Database, name: str) -> Samples | None:
    found = of_instance(database, "db-0")
    return found if name in found else None
