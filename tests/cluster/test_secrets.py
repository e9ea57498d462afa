"""Secrets that are lost: they are back within seconds, and who has the old ones or reads the new gets in."""

from __future__ import annotations

import subprocess
import time

from tests.clusters import OPERATOR, POLL
from tests.databases import Database
from tests.rest import path
from tests.waiting import until, within

PURPOSES = ("keys", "superuser", "replication", "tls", "app")
SECONDS = 10


def _delete_all(database: Database) -> dict[str, dict[str, str]]:
    """Delete every Secret of the namespace, and give what they said."""
    before = _data(database)
    database.cluster.rest.send("DELETE", path("Secret", database.namespace)).expect()
    return before


def _data(database: Database) -> dict[str, dict[str, str]]:
    """Give what every Secret says, as the API has it: the seed is no text."""
    secrets = {each: database.child("Secret", f"{database.name}-{each}") for each in PURPOSES}
    return {purpose: secret["data"] for purpose, secret in secrets.items()}


def _until_back(database: Database) -> float:
    """Wait until all are there again, and give the seconds that took."""
    begun, rest = time.monotonic(), database.cluster.rest

    def back() -> bool:
        names = (f"{database.name}-{purpose}" for purpose in PURPOSES)
        return all(rest.get("Secret", database.namespace, name) for name in names)

    within(back, SECONDS, database.story, POLL)
    return time.monotonic() - begun


def _gets_in(database: Database, secret: dict[str, str]) -> bool:
    """Tell whether an application gets in with this Secret."""
    return database.execute(database.pod_names()[0], "psql", "-XAtc", "SELECT 1", secret["uri"]).code == 0


def test_all_secrets_of_a_namespace_are_back_within_seconds_and_everybody_gets_in(database: Database) -> None:
    database.apply(replicas=2).expect()
    database.settled()
    before, uids = _delete_all(database), database.uids()
    print(f"back after {_until_back(database):.1f} s")
    after = _data(database)
    # The certificate is a new one of the same authority.
    assert after.pop("tls")["ca.crt"] == before["tls"]["ca.crt"]
    assert after == {purpose: before[purpose] for purpose in after}
    assert _gets_in(database, database.secret("app"))
    told = database.until_told("SecretsRestored", f"keys.{database.namespace}.db")
    assert database.secret("app")["password"] not in told
    # A standby that starts anew reads them, and gets in as well.
    [standby] = database.standbys()
    database.cluster.rest.delete("Pod", database.namespace, standby).expect()
    database.until_pods(lambda _: database.uids().get(standby) not in (None, uids[standby]))
    database.settled()
    assert database.primary() != standby


def test_passwords_of_which_nothing_is_left_are_told_with_commands_that_set_them(database: Database) -> None:
    database.apply(replicas=2).expect()
    database.settled()
    copy = f"keys.{database.namespace}.{database.name}"
    database.cluster.rest.delete("Secret", OPERATOR, copy).expect()
    before = _delete_all(database)
    _until_back(database)
    assert _data(database)["app"]["password"] != before["app"]["password"]
    message = database.until_condition("Stalled", "PasswordsLost")["message"]
    assert not _gets_in(database, database.secret("app"))
    ways, _, said = message.partition("set them: ")[2].partition("; then say so: ")
    for way in (*ways.split("; "), said):
        subprocess.run(["bash", "-c", way], env=database.cluster.environment, check=True, timeout=60)
    assert _gets_in(database, database.secret("app"))
    until(lambda: database.condition("Stalled").get("status") == "False", 30, database.story, POLL)
    # The authority is a new one: who serves with the old one's certificate starts anew, the primary last.
    [standby], primary = database.standbys(), database.primary()
    for pod in (standby, primary):
        uid = database.uids()[pod]
        database.cluster.rest.delete("Pod", database.namespace, pod).expect()
        database.until_pods(lambda _, pod=pod, uid=uid: database.uids().get(pod) not in (None, uid))  # type: ignore[misc]
        until(lambda pod=pod: database.execute(pod, "pg_isready").code == 0, 90, database.story, POLL)  # type: ignore[misc]
    database.settled()
