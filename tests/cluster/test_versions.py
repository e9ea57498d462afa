"""A policy whose catalogue moves on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.clusters import OPERATOR, POLL, Cluster
from tests.databases import Database
from tests.waiting import until

MAJOR = "18"
"""Not the default's: the other databases of the run are not touched."""

Catalogue = list[dict[str, Any]]


@pytest.fixture
def change_catalogue(cluster: Cluster) -> Iterator[Callable[[Callable[[Catalogue], None]], None]]:
    """Give a way to change the policy's catalogue; it is put right again afterwards."""
    before = _policy(cluster)

    def change(edit: Callable[[Catalogue], None]) -> None:
        policy = yaml.safe_load(before)
        edit(policy["catalogue"])
        _write(cluster, yaml.safe_dump(policy))

    yield change
    _write(cluster, before)


def _policy(cluster: Cluster) -> str:
    found = cluster.rest.get("ConfigMap", OPERATOR, "keddah-policy")
    assert found
    return str(found["data"]["policy.yaml"])


def _write(cluster: Cluster, text: str) -> None:
    change = {"data": {"policy.yaml": text}}
    cluster.rest.merge("ConfigMap", OPERATOR, "keddah-policy", change).expect()
    # The kubelet brings a changed ConfigMap when it next looks at the pod; a changed pod makes it look now.
    touched = {"metadata": {"annotations": {"keddah.dev/touched": datetime.now(tz=UTC).isoformat()}}}
    for component in ("controller", "webhooks"):
        for pod in cluster.operator_pods(component):
            cluster.rest.merge("Pod", OPERATOR, pod["metadata"]["name"], touched).expect()


def _break(catalogue: Catalogue) -> None:
    for release in catalogue:
        if str(release["version"]).startswith(MAJOR):
            release["image"] = release["image"].rpartition(":")[0] + ":no-such-tag"


def test_a_broken_image_takes_one_standby_and_goes_back_when_put_right(
    database: Database, change_catalogue: Callable[[Callable[[Catalogue], None]], None]
) -> None:
    database.apply(version=MAJOR, replicas=3).expect()
    database.settled()
    database.sql("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    uids, primary = database.uids(), database.primary()
    change_catalogue(_break)
    reasons = ("ImageNotPulled", "RolloutBlocked")
    until(lambda: database.condition("Ready").get("reason") in reasons, 120, database.story, POLL)
    until(lambda: database.condition("Reconciling").get("reason") in reasons, 30, database.story, POLL)
    anew = {name for name, uid in database.uids().items() if uid != uids[name]}
    assert len(anew) == 1
    assert database.primary() == primary not in anew
    assert database.sql("INSERT INTO kept VALUES (101) RETURNING n").startswith("101")

    change_catalogue(lambda _: None)
    until(lambda: all(_runs(pod) for pod in database.pods()), 120, database.story, POLL)
    database.settled()
    assert {n: uid for n, uid in database.uids().items() if n not in anew} == {
        n: uid for n, uid in uids.items() if n not in anew
    }
    assert database.sql("SELECT count(*) FROM kept") == "101"


def _runs(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
