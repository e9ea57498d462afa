"""Changes with which an instance does not start: one standby is all that they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clusters import POLL
from tests.databases import Database
from tests.readiness import serves
from tests.waiting import until

STARTED = "SELECT pg_postmaster_start_time()"
NO_LIBRARY = {"shared_preload_libraries": "no_such_library"}
"""Admission only warns of it: images of one's own may have libraries that keddah's lacks."""
HUNGRY = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "2000000"}
"""A table in shared memory that is filled at the start, of a size that admission cannot know."""
LOWERED = {"max_connections": "90"}
UNSET: dict[str, Any] = dict.fromkeys({*NO_LIBRARY, *HUNGRY, *LOWERED})


@pytest.fixture
def primary(trio: Database) -> Iterator[str]:
    """Name the primary before anything breaks; afterwards the spec is put right, whatever became of it."""
    resources = (trio.read() or {})["spec"]["resources"]
    yield trio.primary()
    trio.change(resources={"limits": None, **resources}, parameters=UNSET)


def _until_blocked(database: Database, word: str, seconds: float = 90) -> None:
    """Wait until the roll-out says that it stops, and why."""

    def told() -> bool:
        blocked = database.condition("Reconciling")
        return blocked.get("reason") == "RolloutBlocked" and word in blocked["message"]

    until(told, seconds, database.story, POLL)


def _still_writable(database: Database, primary: str) -> None:
    """Nobody took over, and a commit still finds a standby to acknowledge it."""
    assert database.primary() == primary
    assert database.sql("INSERT INTO kept VALUES (0) RETURNING n", primary).startswith("0")
    database.sql("DELETE FROM kept WHERE n = 0", primary)
    # The kubelet asks thrice before it believes that one has gone.
    until(lambda: sum(map(serves, database.pods())) == 2, 20, database.story, POLL)


def test_resources_that_no_node_has_take_one_standby_and_are_put_right(trio: Database, primary: str) -> None:
    resources, uids = (trio.read() or {})["spec"]["resources"], trio.uids()
    trio.change(resources={"requests": {"cpu": "1000"}})
    _until_blocked(trio, "Unschedulable")
    _still_writable(trio, primary)
    anew = {name for name, uid in trio.uids().items() if uids.get(name) != uid}
    assert len(anew) == 1
    trio.change(resources=resources)
    trio.settled()
    assert {name for name, uid in trio.uids().items() if uids[name] != uid} == anew
    assert trio.primary() == primary


def test_memory_that_is_too_little_to_start_takes_one_standby_and_is_put_right(
    trio: Database, primary: str
) -> None:
    resources, uids = (trio.read() or {})["spec"]["resources"], trio.uids()
    trio.change(resources={"limits": {"memory": "192Mi"}, "requests": {"memory": "64Mi"}}, parameters=HUNGRY)
    _until_blocked(trio, "")
    _still_writable(trio, primary)
    anew = {name for name, uid in trio.uids().items() if uids.get(name) != uid}
    assert len(anew) == 1
    trio.change(resources={**resources, "limits": None}, parameters=UNSET)
    trio.settled()
    assert trio.primary() == primary, trio.events()


def test_a_parameter_with_which_no_server_starts_takes_one_standby_and_is_put_right(
    trio: Database, primary: str
) -> None:
    started, uids = trio.everywhere(STARTED), trio.uids()
    trio.change(parameters=NO_LIBRARY)
    _until_blocked(trio, "ServerNotStarting")
    _still_writable(trio, primary)
    # Nobody but the spec's owner does anything about it.
    trio.change(parameters=UNSET)
    trio.settled()
    again = {name for name, moment in trio.everywhere(STARTED).items() if started[name] != moment}
    assert len(again) == 1
    assert primary not in again
    assert trio.uids() == uids


def test_a_lowered_limit_does_not_take_a_broken_parameter_to_the_primary_and_goes_on_without_it(
    trio: Database, primary: str
) -> None:
    started = trio.superuser(primary, STARTED)
    trio.change(parameters={**NO_LIBRARY, **LOWERED})
    _until_blocked(trio, "ServerNotStarting")
    _still_writable(trio, primary)
    assert trio.superuser(primary, STARTED) == started
    trio.change(parameters={"shared_preload_libraries": None})
    trio.until_everywhere("SHOW max_connections", LOWERED["max_connections"], 120)
    trio.settled()
    trio.change(parameters=UNSET)
    trio.until_everywhere("SHOW max_connections", "100", 120)
    trio.settled()
