"""A database that sleeps."""

from __future__ import annotations

from tests.clusters import POLL
from tests.databases import Database
from tests.kstatus import kstatus
from tests.waiting import until

SYSTEM = "SELECT system_identifier FROM pg_control_system()"


def test_a_hibernated_database_has_no_pods_and_wakes_with_its_data(database: Database) -> None:
    database.apply(replicas=2).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    password = database.secret("app")["password"]
    database.change(hibernated=True)
    until(lambda: not database.pods(), 60, database.story, POLL)
    database.until_condition("Ready", "Hibernated", 30)
    wait = ("wait", "pgdb/db", "--namespace", database.namespace, "--for=condition=Ready", "--timeout=5s")
    database.cluster.good(*wait)
    assert kstatus(database.read() or {}) == "Current"
    assert set(database.claims()) == {"data-db-0", "data-db-1"}
    database.change(hibernated=False)
    database.settled()
    assert database.sql("SELECT count(*) FROM kept") == "1000"
    assert database.secret("app")["password"] == password


def test_a_configuration_lost_in_sleep_lets_no_empty_instance_begin_anew(database: Database) -> None:
    database.apply(replicas=1).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    known = database.superuser("db-0", SYSTEM)
    database.change(hibernated=True)
    until(lambda: database.condition("Ready").get("reason") == "Hibernated", 60, database.story, POLL)
    database.cluster.rest.delete("ConfigMap", database.namespace, "db-config").expect()

    def told() -> bool:
        found = database.cluster.rest.get("ConfigMap", database.namespace, "db-config") or {"metadata": {}}
        return (found["metadata"].get("annotations") or {}).get("initialize") == known

    until(told, 30, database.story, POLL)
    database.change(hibernated=False, replicas=3)
    database.settled()
    assert set(database.everywhere(SYSTEM).values()) == {known}
    assert database.sql("SELECT count(*) FROM kept") == "1000"
