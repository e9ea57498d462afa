"""Memory: what a query may take of it, and what is told when the kernel takes a process for it."""

from __future__ import annotations

import pytest

from tests.clusters import POLL
from tests.databases import Database, moment
from tests.waiting import until

SHM, TMP = "/dev/shm", "/tmp"  # noqa: S108 - the pod's own
LIMIT = "384Mi"
SHARED_MIB = 192
HOARD = "SELECT array_length(array_agg(repeat('x', 1000) || n), 1) FROM generate_series(1, 2000000) n"
"""Two gigabytes in one process."""


@pytest.fixture
def small(database: Database) -> Database:
    """Give a database of one instance with little memory."""
    database.apply(replicas=1, resources={"limits": {"memory": LIMIT}}).expect()
    return database.settled()


def test_shared_memory_ends_before_the_memory_does_and_nobody_is_evicted(small: Database) -> None:
    before = small.uids()
    size = small.execute("db-0", "df", "-m", "--output=size", SHM)
    assert int(size.out.split()[-1]) == SHARED_MIB, size.err
    filled = small.execute("db-0", "dd", "if=/dev/zero", f"of={SHM}/x", "bs=1M", f"count={SHARED_MIB + 8}")
    assert "No space left on device" in filled.err
    assert small.execute("db-0", "rm", f"{SHM}/x").code == 0
    used = small.execute("db-0", "du", "-scm", TMP, "/run/postgresql")
    assert int(used.out.split()[-2]) <= 1, used.out
    assert small.sql("SELECT 1") == "1"
    assert small.uids() == before


def test_a_backend_that_is_killed_and_the_recovery_after_it_are_told(small: Database) -> None:
    began = moment()
    # The program's parent is the backend itself.
    lost = small.execute("db-0", "psql", "-c", "COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'")
    assert "server closed the connection unexpectedly" in lost.err
    small.until_told("ServerCrashed: db-0: a process of the server crashed at ", since=began)
    small.settled()
    assert not any(event.startswith("KilledForMemory") for event in small.events(began)), small.events()
    assert [each["restartCount"] for each in small.pods()[0]["status"]["containerStatuses"]] == [0, 0]


def test_a_query_that_takes_too_much_memory_is_told_and_repeated_it_is_a_condition(small: Database) -> None:
    for _ in range(2):
        began = moment()
        lost = small.execute("db-0", "psql", "-c", HOARD, seconds=60)
        assert "server closed the connection unexpectedly" in lost.err
        small.until_told("KilledForMemory: db-0: the kernel killed ", since=began)
        until(small.answers, 60, small.story, POLL)
    stalled = small.until_condition("Stalled", "KilledForMemory", 60)
    assert f"increase spec.resources.limits.memory ({LIMIT})" in stalled["message"]
    assert small.condition("Ready")["status"] == "True"
