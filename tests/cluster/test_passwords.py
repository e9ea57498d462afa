"""Passwords that rotate: no log-in is refused meanwhile, and what a Secret held at first ends in time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.access import AS_ROLE, LOOKS, QUOTED, annotate, inside, provisioned, query, rotations
from tests.clusters import POLL
from tests.databases import Database, moment
from tests.refusals import refusing
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clusters import Cluster

RECONNECTING = """
import pathlib, psycopg, threading, time
told, stop, said = pathlib.Path("/tmp/told"), pathlib.Path("/tmp/stop"), []
formerly, begun = told.read_text().split(), time.monotonic()
def connect():
    number = 0
    while not stop.exists():
        due, number = time.monotonic() + 0.08, number + 1
        uri = (formerly if number % 3 == 0 else told.read_text().split())[number % 2]
        host = uri.partition("@")[2].partition(".")[0]
        if number % 4 == 3:
            uri = uri.replace(f"@{host}.", f"@{host}-ro.")
        try:
            with psycopg.connect(uri, connect_timeout=10) as connection:
                said.append(" ".join(connection.execute("SELECT session_user, current_user").fetchone()))
        except psycopg.Error as error:
            said.append(str(error))
        time.sleep(max(0, due - time.monotonic()))
threads = [threading.Thread(target=connect) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
print(f"{len(said)} log-ins, {len(said) / (time.monotonic() - begun):.0f} a second")
print(chr(10).join(sorted(set(said))))
"""
"""Connects 50 times a second, as two roles, with what their Secrets say, or said at first."""
STOP = "/tmp/stop"  # noqa: S108 - the pod's own volume
IN_QUOTED = f"""ALTER ROLE analyst IN DATABASE "{QUOTED.replace('"', '""')}" SET"""
BEGINS_WITH = "SELECT session_user, current_setting('work_mem'), current_setting('search_path')"
TELL = "printf '%s\n' \"$@\" > /tmp/new && mv /tmp/new /tmp/told"


@pytest.fixture(scope="module")
def shop(cluster: Cluster, made: Callable[[], str]) -> Database:
    database = Database(cluster, made())
    databases = [{"name": "app"}, {"name": QUOTED, "owner": "analyst"}]
    database.apply(replicas=2, databases=databases, roles=[{"name": "analyst"}, {"name": "reader"}]).expect()
    provisioned(database, 180)
    return database


def test_passwords_rotate_and_no_log_in_is_refused(shop: Database) -> None:
    pod, secrets = shop.standbys()[0], ("app", "role-analyst")

    def tell() -> list[str]:
        uris = [shop.secret(name)["uri"] for name in secrets]
        assert shop.execute(pod, "sh", "-c", TELL, "tell", *uris).code == 0
        return uris

    inside(shop, f"ALTER ROLE analyst SET work_mem = '7MB'; {IN_QUOTED} search_path = 'Q 4, old', public")
    first = tell()
    before = moment()
    python = ("/opt/patroni/bin/python", "-c", RECONNECTING)
    with ThreadPoolExecutor() as threads:
        client = threads.submit(lambda: shop.execute(pod, *python, seconds=300))
        try:
            time.sleep(3)
            annotate(shop, "leak-1/app,analyst")
            until(lambda: all(shop.secret(name)["username"][-2:] == "_b" for name in secrets), 90, shop.story)
            assert all(new != old for new, old in zip(tell(), first, strict=True))
            time.sleep(3)
        finally:
            shop.execute(pod, "touch", STOP)
    count, *said = client.result().out.splitlines()
    print(f"{count}: {said}")
    assert said == ["analyst analyst", "analyst_b analyst", "app app", "app_b app"]
    shop.until_told("PasswordRotated", "db-app has the login app_b", since=before)
    until(lambda: rotations(shop) == {"app": "app_b", "analyst": "analyst_b"}, 60, shop.story)
    assert query(shop, "analyst", BEGINS_WITH) == 'analyst_b|7MB|"Q 4, old", public'
    inside(shop, f"ALTER ROLE analyst SET work_mem = '5MB'; {IN_QUOTED} search_path TO DEFAULT")
    assert (
        query(shop, "analyst", "CREATE TABLE of_second(); SET ROLE NONE; CREATE TABLE of_none()")[-12:]
        == "CREATE TABLE"
    )
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'of_%'"
    until(lambda: inside(shop, owners, QUOTED) == "analyst", LOOKS + 30, shop.story)
    assert query(shop, "analyst", BEGINS_WITH) == 'analyst_b|5MB|"$user", public'
    # What was in the Secrets at first opens nothing any more when they are rotated again.
    annotate(shop, "leak-2/app,analyst")
    until(lambda: rotations(shop) == {"app": "app", "analyst": "analyst"}, 90, shop.story)
    for uri in first:
        assert "authentication failed" in shop.execute(pod, "sh", "-c", AS_ROLE, uri, "SELECT 1").err
    for uri in tell():
        assert shop.execute(pod, "sh", "-c", AS_ROLE, uri, "SELECT 1").code == 0


REFUSED = "secrets of readers are not to be changed"


@contextmanager
def refused(database: Database, secret: str) -> Iterator[None]:
    """Refuse changes of one Secret, as policies, webhooks and quotas of others do."""
    rest, rule = database.cluster.rest, {"operations": ["UPDATE"], "resources": ["secrets"]}
    with refusing(rest, database.namespace, rule, f"object.metadata.name != '{secret}'", REFUSED):
        probe = {"metadata": {"annotations": {"probe": "in force?"}}}
        until(
            lambda: REFUSED in rest.merge("Secret", database.namespace, secret, probe).message,
            60,
            database.story,
        )
        yield


def test_a_rotation_is_done_when_the_secret_is_written_and_none_begins_before(shop: Database) -> None:
    """Else a second one would end the login that the Secret still has."""
    secret, before = f"{shop.name}-role-reader", shop.secret("role-reader")
    with refused(shop, secret):
        annotate(shop, "refused-1/reader")
        told = f"roles.reader: Secret {secret} is not as it should be"
        until(lambda: told in shop.condition("Provisioned")["message"], 90, shop.story, POLL)
        condition = shop.condition("Provisioned")
        assert (condition["status"], condition["reason"]) == ("False", "ProvisioningFailed")
        assert REFUSED in condition["message"]
        assert rotations(shop)["reader"] == "reader"
        annotate(shop, "refused-2/reader")
        time.sleep(10)
        assert shop.secret("role-reader") == before
        assert query(shop, "reader", "SELECT session_user") == "reader"
    until(lambda: rotations(shop).get("reader") == "reader_b", 90, shop.story)
    provisioned(shop)
    assert query(shop, "reader", "SELECT session_user") == "reader_b"
    uri = before["uri"]
    assert shop.execute(shop.standbys()[0], "sh", "-c", AS_ROLE, uri, "SELECT 1").code == 0
