"""More and fewer instances."""

from __future__ import annotations

from tests.databases import Database


def test_one_becomes_three_becomes_two_and_nothing_is_lost(database: Database) -> None:
    database.apply(replicas=1).expect()
    database.settled()
    first = database.uids()["db-0"]
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    database.change(replicas=3)
    database.settled()
    assert database.uids()["db-0"] == first
    if database.primary() != "db-2":
        database.switch_over("db-2")
    database.change(replicas=2)
    database.settled()
    # The primary was the one to go: it handed over first, to one that stays.
    assert database.pod_names() == ["db-0", "db-1"]
    database.until_told("SwitchingOver: ", "removed by 3 -> 2")
    assert set(database.claims()) == {"data-db-0", "data-db-1", "data-db-2"}
    assert database.sql("SELECT count(*) FROM kept") == "1000"
    assert database.sql("INSERT INTO kept VALUES (0) RETURNING n").startswith("0")
