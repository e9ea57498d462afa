"""What a commit waits for, changed while the database runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.waiting import until

STARTED = "SELECT pg_postmaster_start_time()"
WAITS_FOR = "SHOW synchronous_standby_names"
COMMIT = "timeout 5 psql -Xd app -c 'INSERT INTO kept VALUES (1)'"
WAITS = 124
"""Exit code of timeout(1): there was no answer in time."""


@pytest.fixture
def shared(trio: Database) -> Iterator[Database]:
    """Give the shared database; afterwards commits wait for a quorum again."""
    yield trio
    trio.change(synchronous="Quorum")
    trio.settled()


def test_what_a_commit_waits_for_is_changed_without_a_restart(shared: Database) -> None:
    started, uids, primary = shared.everywhere(STARTED), shared.uids(), shared.primary()
    assert shared.superuser(primary, WAITS_FOR).startswith("ANY 1 (")
    shared.until_condition("Replicated", "Streaming")

    shared.change(synchronous="Off")
    until(lambda: shared.superuser(primary, WAITS_FOR) == "", 30, shared.story, POLL)
    shared.settled()
    shared.until_condition("Replicated", "Streaming")

    for wish in ("Strict", "Quorum"):
        shared.change(synchronous=wish)
        until(lambda: len(shared.synchronous()) == 2, 30, shared.story, POLL)
        until(lambda: "ANY 1 (" in shared.superuser(primary, WAITS_FOR), 30, shared.story, POLL)
        shared.settled()
        shared.until_condition("Replicated", "Streaming")
    assert shared.everywhere(STARTED) == started
    assert (shared.uids(), shared.primary()) == (uids, primary)


@pytest.fixture
def alone(cluster: Cluster, database: Database) -> Iterator[Database]:
    """Give a database of two whose standby cannot come back until the test is over."""
    database.apply(replicas=2).expect()
    database.settled()
    database.sql("CREATE TABLE kept (n int)")
    standby = database.child("Pod", database.standbys()[0])
    cluster.good("cordon", standby["spec"]["nodeName"])
    try:
        database.cluster.rest.delete("Pod", database.namespace, standby["metadata"]["name"]).expect()
        database.until_pods(lambda _: standby["metadata"]["uid"] not in database.uids().values())
        yield database
    finally:
        cluster.good("uncordon", standby["spec"]["nodeName"])
    database.settled()
    database.until_condition("Replicated", "Streaming")


def _commits(database: Database) -> bool:
    done = database.execute(database.primary(), "sh", "-c", COMMIT)
    assert done.code in (0, WAITS), done.err
    return done.code == 0


@pytest.mark.own_cluster("needs volumes that are bound to their nodes")
def test_with_no_standby_left_quorum_goes_on_and_strict_waits_until_it_may_not(alone: Database) -> None:
    until(lambda: _commits(alone), 20, alone.story, POLL)
    until(lambda: alone.condition("Replicated").get("status") == "False", 30, alone.story, POLL)
    alone.change(synchronous="Strict")
    until(lambda: not _commits(alone), 30, alone.story, POLL)
    assert not _commits(alone)
    alone.change(synchronous="Quorum")
    until(lambda: _commits(alone), 30, alone.story, POLL)
