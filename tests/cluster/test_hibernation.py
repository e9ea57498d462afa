"""A database that sleeps."""

from __future__ import annotations

from tests.clusters import POLL
from tests.databases import Database
from tests.waiting import until


def test_a_hibernated_database_has_no_pods_and_wakes_with_its_data(database: Database) -> None:
    database.apply(replicas=2).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    password = database.secret("app")["password"]
    database.change(hibernated=True)
    until(lambda: not database.pods(), 60, database.story, POLL)
    until(lambda: database.condition("Ready").get("reason") == "Hibernated", 30, database.story, POLL)
    assert set(database.claims()) == {"data-db-0", "data-db-1"}
    database.change(hibernated=False)
    database.settled()
    assert database.sql("SELECT count(*) FROM kept") == "1000"
    assert database.secret("app")["password"] == password
