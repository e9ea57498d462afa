"""WAL reaches the repository: soon, without gaps, and again when the repository comes back."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.clusters import POLL, Cluster
from tests.cut_off import cut_off
from tests.databases import Database, moment
from tests.repositories import LIST, PARTIAL, in_repository, segments, until_archived, whole
from tests.waiting import until

SCHEDULE = "0 3 * * *"


@pytest.fixture(scope="module")
def archived(cluster: Cluster, made: Callable[[], str]) -> Database:
    """Give a database of three instances that archives to a volume; tests leave it whole."""
    database = Database(cluster, made(), "kept")
    database.apply(replicas=3, backupSchedule=SCHEDULE).expect()
    database.settled()
    database.sql("CREATE TABLE seen (number int PRIMARY KEY)")
    return database


def write(database: Database, number: int) -> str:
    """Write a row, and give the segment that it is in."""
    database.sql(f"INSERT INTO seen VALUES ({number})")  # noqa: S608 - a number
    return database.superuser(database.primary(), "SELECT pg_walfile_name(pg_current_wal_lsn() - 1)")


def test_the_newest_wal_is_in_the_repository_within_a_minute(archived: Database) -> None:
    until_archived(archived, write(archived, 1))
    whole(archived)
    archived.until_condition("ArchivingWAL", "Archiving", 30)


def test_an_instance_is_ready_whatever_its_backups_do(archived: Database) -> None:
    for pod in archived.pods():
        names = [status["name"] for status in pod["status"]["containerStatuses"]]
        assert sorted(names) == ["backup", "keddah-exporter", "postgres"]
        assert all(status["ready"] for status in pod["status"]["containerStatuses"])


def test_a_switchover_leaves_no_gap(archived: Database) -> None:
    write(archived, 2)
    archived.switch_over(archived.standbys()[0])
    until_archived(archived, write(archived, 3))
    whole(archived)


def test_many_switchovers_leave_nothing_that_cannot_be_archived(archived: Database) -> None:
    """A timeline ends in the midst of a segment; servers differ in what follows there in their files."""
    for number in range(200, 204):
        write(archived, number)
        # So the files of later segments are used ones.
        archived.superuser(archived.primary(), "CHECKPOINT")
        archived.switch_over(archived.standbys()[0])
    until_archived(archived, switched(archived, 204))
    whole(archived)
    named = in_repository(archived, "sh", "-c", LIST)
    partial = set(PARTIAL.findall(named))
    assert len(partial) >= 4
    assert partial.isdisjoint(segments(archived))
    archived.until_condition("ArchivingWAL", "Archiving", 30)


def test_a_lost_primary_leaves_no_gap(archived: Database) -> None:
    write(archived, 4)
    before = archived.primary()
    archived.cluster(
        "--namespace", archived.namespace, "delete", "pod", before, "--force", "--grace-period=0"
    )
    until(lambda: archived.primaries() not in ([], [before]), 60, archived.story, POLL)
    archived.settled(180)
    until_archived(archived, write(archived, 5))
    whole(archived)


def test_the_repositorys_pod_comes_back_with_what_it_had(archived: Database) -> None:
    had = segments(archived)
    pod = f"{archived.name}-repository-0"
    uid = archived.child("Pod", pod)["metadata"]["uid"]
    archived.cluster("--namespace", archived.namespace, "delete", "pod", pod, "--wait=false")

    def back() -> bool:
        live = archived.cluster.rest.get("Pod", archived.namespace, pod) or {"metadata": {}}
        statuses = (live.get("status") or {}).get("containerStatuses") or [{}]
        return live["metadata"].get("uid") != uid and bool(statuses[0].get("ready"))

    until(back, 90, archived.story, POLL)
    until_archived(archived, write(archived, 6))
    assert set(had) <= set(segments(archived))


@pytest.mark.own_cluster("takes a pod off the network")
@pytest.mark.minutes(4)
def test_three_minutes_without_the_repository_are_told_and_lose_nothing(archived: Database) -> None:
    archived.until_condition("ArchivingWAL", "Archiving", 60)
    since = moment()
    with cut_off(archived.child("Pod", f"{archived.name}-repository-0")):
        began = time.monotonic()
        first = switched(archived, 100)

        def told() -> bool:
            condition = archived.condition("ArchivingWAL")
            return condition.get("status") == "False" and condition["reason"] == "RepositoryUnreachable"

        until(told, 60, archived.story, POLL)
        for number in range(101, 111):
            switched(archived, number)
        newest = switched(archived, 111)
        time.sleep(max(0.0, 180 - (time.monotonic() - began)))
        assert archived.condition("Ready")["status"] == "True"
    archived.until_condition("ArchivingWAL", "Archiving", 90)
    archived.until_told("RepositoryUnreachable", "is not lost", since=since)
    archived.until_told("Archiving", since=since)
    for segment in (first, newest):
        until_archived(archived, segment, 90)
    whole(archived)


def switched(database: Database, number: int) -> str:
    """Write a row, and have its segment ready for the archive."""
    segment = write(database, number)
    database.superuser(database.primary(), "SELECT pg_switch_wal()")
    return segment


def test_a_hibernated_database_has_no_repository_pod_and_archives_again(archived: Database) -> None:
    had = segments(archived)
    archived.change(hibernated=True)
    label = f"keddah.dev/database={archived.name}"
    until(
        lambda: not archived.cluster.rest.list("Pod", archived.namespace, labelSelector=label),
        90,
        archived.story,
        POLL,
    )
    archived.change(hibernated=False)
    archived.settled()
    until_archived(archived, write(archived, 7), 120)
    assert set(had) <= set(segments(archived))
    whole(archived)


def test_a_deleted_database_leaves_its_repository_to_the_next_of_its_name(archived: Database) -> None:
    had = segments(archived)
    archived.delete()
    claim = f"repository-{archived.name}-repository-0"
    assert archived.cluster.rest.get("PersistentVolumeClaim", archived.namespace, claim)
    archived.apply(replicas=3, backupSchedule=SCHEDULE).expect()
    archived.settled(180)
    until_archived(archived, write(archived, 8), 120)
    assert set(had) <= set(segments(archived))
    whole(archived)


def test_with_policy_delete_the_repository_goes_too(archived: Database) -> None:
    archived.change(deletionPolicy="Delete")
    until(lambda: (archived.read() or {})["metadata"].get("finalizers"), 30, archived.story, POLL)
    archived.delete()
    until(lambda: not left(archived), 60, lambda: str(left(archived)), POLL)


def left(database: Database) -> list[str]:
    label = f"keddah.dev/database={database.name}"
    kinds = ("PersistentVolumeClaim", "StatefulSet", "ConfigMap", "Pod")
    found = [
        each
        for kind in kinds
        for each in database.cluster.rest.list(kind, database.namespace, labelSelector=label)
    ]
    return [each["metadata"]["name"] for each in found]
