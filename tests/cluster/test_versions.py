"""A policy whose catalogue moves on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import policies
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.policies import Edit, Policy
from tests.readiness import serves
from tests.waiting import until

MAJOR = "17"
"""Not the default's: the other databases of the run are not touched."""
NEVER_RELEASED = f"{MAJOR}.99"
TWO_NAMES = pytest.mark.own_cluster("needs nodes that have the image under two names")

Change = Callable[[Edit], None]


@pytest.fixture
def change_policy(cluster: Cluster) -> Iterator[Change]:
    """Give a way to change the policy; it is put right again afterwards."""
    with policies.changing(cluster) as change:
        yield change


@pytest.fixture(scope="module")
def shared_elder(cluster: Cluster, made: Callable[[], str]) -> Database:
    """Give a database of three instances of that major, with a table of a hundred rows."""
    database = Database(cluster, made())
    database.apply(version=MAJOR, replicas=3).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    return database


@pytest.fixture
def elder(shared_elder: Database) -> Iterator[Database]:
    """Give that database, at rest with the policy's image; a test ends with it so, and its rows are there."""
    yield _at_rest(shared_elder)
    _at_rest(shared_elder)
    assert shared_elder.sql("SELECT count(*) FROM kept") == "100"


@pytest.fixture
def other(cluster: Cluster, elder: Database) -> str:
    """Name another image of the same release."""
    return policies.other_name(cluster, _images(elder)[0])


def _at_rest(database: Database) -> Database:
    _until_all_have(database, policies.release(policies.current(database.cluster), MAJOR)["image"])
    _until_up_to_date_is(database, "True", "AsAllowed")
    return database.settled()


def _images(database: Database) -> list[str]:
    """Give the image of each pod."""
    return [str(pod["spec"]["containers"][0]["image"]) for pod in database.pods()]


def _to(image: str, **entry: str) -> Edit:
    def edit(policy: Policy) -> None:
        policies.release(policy, MAJOR).update(image=image, **entry)

    return edit


def _with_window(opens: datetime, edit: Edit) -> Edit:
    def edit_too(policy: Policy) -> None:
        edit(policy)
        window = {"days": [opens.strftime("%a")], "start": opens.strftime("%H:%M"), "duration": "15m"}
        policy["minorUpgrades"] = {"when": "window", "window": window}

    return edit_too


def _until_up_to_date_is(database: Database, status: str, reason: str, seconds: float = 60) -> dict[str, Any]:
    def told() -> bool:
        condition = database.condition("UpToDate")
        return (condition.get("status"), condition.get("reason")) == (status, reason)

    until(told, seconds, database.story, POLL)
    return database.condition("UpToDate")


def _until_all_have(database: Database, image: str, seconds: float = 150) -> None:
    until(lambda: _images(database) == [image] * 3, seconds, database.story, POLL)


@TWO_NAMES
@pytest.mark.minutes(2)
def test_another_image_waits_for_its_window_or_for_its_users_word_and_takes_the_primary_last(
    elder: Database, other: str, change_policy: Change
) -> None:
    uids, primary, before = elder.uids(), elder.primary(), _images(elder)[0]
    opens = (datetime.now(tz=UTC) + timedelta(seconds=90)).replace(second=0, microsecond=0)
    change_policy(_with_window(opens, _to(other)))
    pending = _until_up_to_date_is(elder, "False", "UpgradePending")
    assert opens.strftime("%Y-%m-%dT%H:%M:%SZ") in pending["message"]
    assert elder.condition("Ready") | {"status": "True", "reason": "Ready"} == elder.condition("Ready")
    assert elder.condition("Reconciling")["status"] == "False"
    assert elder.uids() == uids
    assert datetime.now(tz=UTC) < opens

    # Nothing but the clock wakes it.
    _until_up_to_date_is(elder, "False", "Upgrading", (opens - datetime.now(tz=UTC)).total_seconds() + 30)
    assert datetime.now(tz=UTC) >= opens
    _until_all_have(elder, other)
    _until_up_to_date_is(elder, "True", "AsAllowed", 120)
    elder.settled()
    born = sorted(elder.pods(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    assert born[-1]["metadata"]["name"] == primary != elder.primary()
    assert not uids.items() & elder.uids().items()
    elder.until_told("SwitchingOver: ", primary)
    elder.until_told("UpToDate: ")
    told = [event.partition(":")[0] for event in elder.events()]
    assert told.index("UpgradePending") < told.index("Upgrading") < told.index("UpToDate")
    assert elder.sql("SELECT count(*) FROM kept") == "100"

    change_policy(_with_window(opens + timedelta(days=3), _to(before)))
    _until_up_to_date_is(elder, "False", "UpgradePending")
    elder.change(version=elder.status()["currentVersion"])
    _until_all_have(elder, before)
    elder.settled()
    elder.change(version=MAJOR)


def test_a_release_that_its_image_does_not_hold_is_a_condition_and_never_in_status(
    elder: Database, change_policy: Change
) -> None:
    uids, running = elder.uids(), elder.status()["currentVersion"]
    change_policy(_to(_images(elder)[0], version=NEVER_RELEASED))
    stalled = elder.until_condition("Stalled", "VersionMismatch", 60)
    assert NEVER_RELEASED in stalled["message"]
    assert running in stalled["message"]
    assert elder.status()["currentVersion"] == running
    assert elder.condition("Ready")["status"] == "True"
    assert elder.condition("UpToDate")["reason"] == "VersionMismatch"
    change_policy(lambda _: None)
    _until_up_to_date_is(elder, "True", "AsAllowed")
    elder.settled()
    assert elder.uids() == uids


@TWO_NAMES
def test_databases_follow_one_after_another(
    elder: Database, other: str, change_policy: Change, made: Callable[[], str]
) -> None:
    younger = Database(elder.cluster, made())
    younger.apply(version=MAJOR, replicas=1).expect()
    younger.settled()
    both = (elder, younger)
    change_policy(_to(other))
    until(lambda: {*_images(elder), *_images(younger)} == {other}, 180, elder.story, POLL)
    for database in both:
        _until_up_to_date_is(database, "True", "AsAllowed", 120)
        database.settled()
    until(lambda: any(map(_queued, both)), 20, elder.story, POLL)
    told = [_queued(database) for database in both]
    assert sorted(map(bool, told)) == [False, True], told
    first, second = both if told[1] else both[::-1]
    assert max(map(_born, first.pods())) < min(map(_born, second.pods())), (first.events(), second.events())
    younger.delete()


def _queued(database: Database) -> str:
    return "".join(event for event in database.events() if event.startswith("UpgradeQueued: "))


def _born(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["creationTimestamp"])


@TWO_NAMES
def test_an_image_that_holds_another_release_goes_to_one_standby_and_no_further(
    elder: Database, other: str, change_policy: Change
) -> None:
    uids, primary, before = elder.uids(), elder.primary(), _images(elder)[0]
    running = elder.status()["currentVersion"]
    change_policy(_to(other, version=NEVER_RELEASED))
    stalled = elder.until_condition("Stalled", "VersionMismatch", 90)
    anew = [name for name, uid in elder.uids().items() if uids[name] != uid]
    assert len(anew) == 1
    assert f"{anew[0]} reports {running}" in stalled["message"]
    assert elder.primary() == primary not in anew
    assert elder.status()["currentVersion"] == running
    change_policy(lambda _: None)
    _until_all_have(elder, before)
    elder.settled()
    kept = set(uids.items()) - {(name, uids[name]) for name in anew}
    assert kept < set(elder.uids().items())


def test_a_catalogue_that_moves_back_moves_nobody_back(elder: Database, change_policy: Change) -> None:
    uids, running = elder.uids(), elder.status()["currentVersion"]
    older = f"{MAJOR}.{int(running.partition('.')[2]) - 1}"
    change_policy(_to("keddah.dev/keddah-postgres:older", version=older))
    refused = _until_up_to_date_is(elder, "False", "DowngradeRefused")
    assert f"{running} is running" in refused["message"]
    elder.settled()
    assert elder.uids() == uids


def test_a_broken_image_takes_one_standby_and_goes_back_when_put_right(
    elder: Database, change_policy: Change
) -> None:
    uids, primary = elder.uids(), elder.primary()
    before = _images(elder)[0]
    change_policy(_to(before.rpartition(":")[0] + ":no-such-tag"))
    reasons = ("ImageNotPulled", "RolloutBlocked")
    until(lambda: elder.condition("Ready").get("reason") in reasons, 120, elder.story, POLL)
    until(lambda: elder.condition("Reconciling").get("reason") in reasons, 30, elder.story, POLL)
    anew = {name for name, uid in elder.uids().items() if uid != uids[name]}
    assert len(anew) == 1
    assert elder.primary() == primary not in anew
    assert elder.sql("INSERT INTO kept VALUES (101) RETURNING n").startswith("101")
    elder.sql("DELETE FROM kept WHERE n = 101")

    # Outside of the window too, for nothing that serves is disturbed.
    change_policy(_with_window(datetime.now(tz=UTC) + timedelta(days=3), lambda _: None))
    until(lambda: all(map(serves, elder.pods())), 120, elder.story, POLL)
    elder.settled()
    assert {n: uid for n, uid in elder.uids().items() if n not in anew} == {
        n: uid for n, uid in uids.items() if n not in anew
    }
