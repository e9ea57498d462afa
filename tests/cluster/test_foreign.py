"""What belongs to somebody else stays somebody else's."""

from __future__ import annotations

from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.waiting import until


def test_a_secret_of_somebody_else_is_not_taken_over_and_the_condition_says_so(
    cluster: Cluster, database: Database
) -> None:
    metadata = {"name": "db-app", "namespace": database.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"theirs": "yes"}}
    cluster.rest.create(secret).expect()
    database.apply().expect()
    stalled = database.until_condition("Stalled", "ChildOwnedByOther", 30)
    assert "Secret db-app" in stalled["message"]
    assert database.secret("app") == {"theirs": "yes"}
    assert database.pods() == []
    # Once it is out of the way, the database goes on by itself.
    cluster.rest.delete("Secret", database.namespace, "db-app").expect()
    until(lambda: database.condition("Stalled").get("status") == "False", 90, database.story, POLL)
    database.settled()
