"""WAL and backups reach a bucket over TLS with an authority of its own, once its Secrets are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import bucket
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.waiting import until

pytestmark = pytest.mark.own_cluster("runs a server of S3 in the cluster's network")

SCHEDULE = "0 3 * * *"
FRESH_SECONDS = 65


def test_wal_reaches_a_bucket_once_its_secrets_are_there(
    cluster: Cluster, database: Database, tmp_path: Path
) -> None:
    with bucket.running(cluster, database.namespace, tmp_path) as storage:
        bucket.lead(cluster, database.namespace, storage.host, storage.port)
        s3 = bucket.declared(database.namespace)
        database.apply(backupSchedule=SCHEDULE, backup={"repository": {"s3": s3, "encryption": {}}}).expect()
        database.settled()
        database.sql("CREATE TABLE seen (number int)")

        def missed() -> bool:
            condition = database.condition("ArchivingWAL")
            return condition.get("reason") == "InvalidSettings" and bucket.LOGIN in condition["message"]

        until(missed, 240, database.story, POLL)
        # Whatever its backups lack, the database serves.
        assert database.condition("Ready")["status"] == "True"
        bucket.give_secrets(database, storage)
        before = database.uids()
        # The kubelet brings Secrets to the pods that run within a minute and a half.
        database.until_condition("ArchivingWAL", "Archiving", 180)
        database.sql("INSERT INTO seen VALUES (1)")
        segment = database.superuser(database.primary(), "SELECT pg_walfile_name(pg_current_wal_lsn() - 1)")
        until(lambda: bucket.stored(tmp_path, segment), FRESH_SECONDS, database.story, POLL)
        assert database.uids() == before
        assert not database.cluster.rest.get("StatefulSet", database.namespace, "db-repository")


@pytest.mark.minutes(3)
def test_another_namespace_is_restored_from_the_bucket_alone(
    cluster: Cluster, database: Database, tmp_path: Path, made: Callable[[], str]
) -> None:
    """With the source's key; the database of the same name has a path and an archive of its own.

    By a server that has none of its code in common with that of the other tests.
    """
    with bucket.running(cluster, database.namespace, tmp_path, server="gofakes3") as storage:
        bucket.lead(cluster, database.namespace, storage.host, storage.port)
        s3, other = bucket.declared(database.namespace), Database(cluster, made())
        for each in (database, other):
            bucket.give_secrets(each, storage)
        backup = {"repository": {"s3": s3, "encryption": {}}}
        database.apply(backupSchedule=SCHEDULE, backup=backup).expect()
        database.settled()
        database.sql("CREATE TABLE seen AS SELECT 7 AS number")
        until(lambda: held(database) > 0, 240, database.story, 5 * POLL)
        segment = database.superuser(database.primary(), "SELECT pg_walfile_name(pg_current_wal_lsn())")
        database.superuser(database.primary(), "SELECT pg_switch_wal()")
        archived = f"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver"  # noqa: S608 - a name
        until(lambda: database.superuser(database.primary(), archived) == "t", 90, database.story, 5 * POLL)
        bucket.give_secret(other, "key", key=database.secret("encryption")["key"])
        source = {**s3, "path": f"/{database.namespace}/{database.name}"}
        restore = {"from": {"s3": source, "encryption": {"secret": {"name": "key"}}}}
        other.apply(backupSchedule=SCHEDULE, backup={"repository": {"s3": s3}}, restore=restore).expect()
        other.settled(240)
        assert other.sql("SELECT number FROM seen") == "7"
        until(lambda: held(other) > 0, 240, other.story, 5 * POLL)
        assert database.sql("SELECT number FROM seen") == "7"


def held(database: Database) -> int:
    return int((database.status().get("backups") or {}).get("count", 0))
