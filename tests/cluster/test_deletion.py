"""The end of a database, and what of it stays."""

from __future__ import annotations

from tests.clusters import POLL, Cluster
from tests.databases import LABEL, Database
from tests.waiting import until

CREDENTIALS = ("app", "superuser", "replication")


def test_a_retained_database_comes_back_with_its_newest_data_and_its_passwords(database: Database) -> None:
    database.apply(replicas=2).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 10) AS n")
    if database.primary() == "db-0":
        database.switch_over("db-1")
    database.sql("INSERT INTO kept VALUES (11)")
    passwords = [database.secret(name) for name in CREDENTIALS]
    database.delete()
    assert set(database.claims()) == {"data-db-0", "data-db-1"}
    # One instance is asked for: the one with the newest data must not be the one that is left out.
    database.apply().expect()
    database.settled()
    assert database.pod_names() == ["db-0"]
    assert database.sql("SELECT max(n), count(*) FROM kept") == "11|11"
    assert [database.secret(name) for name in CREDENTIALS] == passwords
    assert set(database.claims()) == {"data-db-0", "data-db-1"}


def test_kept_volumes_are_taken_up_by_the_same_database_alone_until_they_are_given_up(
    cluster: Cluster, database: Database
) -> None:
    database.apply(version="17").expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT 1 AS n")
    database.delete()
    for other in ({"version": "18"}, {"version": "17", "owner": "ledger", "database": "ledger"}):
        database.apply(**other).expect()
        message = database.until_condition("Stalled", "VolumesHoldOther")["message"]
        assert database.pods() == []
        database.delete()
    database.apply(version="17").expect()
    database.settled()
    assert database.sql("SELECT n FROM kept") == "1"
    database.delete()
    database.apply(version="18", owner="ledger", database="ledger").expect()
    message = database.until_condition("Stalled", "VolumesHoldOther")["message"]
    cluster.good(*message.partition("give the kept data up: kubectl ")[2].split())
    database.settled()
    assert database.sql("SELECT current_user || current_setting('server_version_num')").startswith("ledger18")
    assert database.sql("SELECT to_regclass('kept') IS NULL") == "t"


def test_deletion_policy_delete_takes_volumes_and_credentials_along(
    cluster: Cluster, database: Database
) -> None:
    database.apply(deletionPolicy="Delete").expect()
    database.settled()
    database.delete()

    def left() -> list[str]:
        kinds = (
            "pods,statefulsets,services,configmaps,secrets,pvc,pdb,netpol,serviceaccounts,roles,rolebindings"
        )
        label = f"{LABEL}={database.name}"
        return cluster.good(
            "--namespace", database.namespace, "get", kinds, "-l", label, "-o", "name"
        ).split()

    until(lambda: not left(), 60, left, POLL)


def test_a_protected_database_cannot_be_deleted(cluster: Cluster, database: Database) -> None:
    database.apply(deletionProtection=True, hibernated=True).expect()
    refused = cluster("--namespace", database.namespace, "delete", "pgdb", "db")
    assert refused.code == 1
    assert "deletionProtection" in refused.err
    database.change(deletionProtection=False)
    database.delete()


def test_instances_that_a_deletion_orphans_go_on_serving_and_are_taken_up_again(
    cluster: Cluster, database: Database
) -> None:
    database.apply(replicas=2, deletionPolicy="Delete").expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 10) AS n")
    uids = database.uids()
    cluster.good("--namespace", database.namespace, "delete", "pgdb", "db", "--cascade=orphan")
    assert database.read() is None
    assert database.sql("INSERT INTO kept VALUES (11) RETURNING n").startswith("11")
    database.apply(replicas=2).expect()
    database.settled()
    assert database.uids() == uids
    assert database.sql("SELECT max(n), count(*) FROM kept") == "11|11"
