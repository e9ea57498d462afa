"""A real Prometheus with the generated configuration: alerts fire and go again, no picture is empty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from deploy.generate.monitoring.board import ROWS
from deploy.generate.monitoring.dashboard import CHOICES
from deploy.generate.monitoring.panel import WINDOW
from tests.clusters import POLL, Cluster
from tests.cut_off import cut_off
from tests.databases import Database
from tests.prometheus import Prometheus, watching
from tests.recording import record
from tests.waiting import until

pytestmark = [pytest.mark.own_cluster("the host reaches pods"), pytest.mark.minutes(3)]

PACE = 0.01
"""So an alert that waits for an hour waits for 36 s."""
RARELY = "0 0 29 2 *"
SESSIONS = 24
MOST = SESSIONS + 3


@pytest.fixture(scope="module")
def watched(cluster: Cluster, made: Callable[[], str]) -> Database:
    """Give a database of two instances that has yet to make its first backup."""
    database = Database(cluster, made(), "orders")
    database.apply(
        replicas=2,
        backupSchedule=RARELY,
        backup={"suspended": True, "verify": {"schedule": RARELY}},
        parameters={"max_connections": str(MOST)},
        databases=[{"name": "app", "extensions": ["pg_stat_statements"]}],
    ).expect()
    return database


@pytest.fixture(scope="module")
def prometheus(
    cluster: Cluster, watched: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    with watching(cluster, tmp_path_factory.mktemp("prometheus"), PACE) as running:
        watched.settled()
        yield running


def told(prometheus: Prometheus, name: str, **labels: str) -> dict[str, str]:
    """Wait for an alert."""
    found = until(lambda: prometheus.fires(name, **labels), 90, prometheus.story, POLL)
    assert found
    assert "{{" not in found["summary"] + found["description"]
    return found


def over(prometheus: Prometheus, name: str, **labels: str) -> None:
    """Wait for its end."""
    until(lambda: prometheus.fires(name, **labels) is None, 120, prometheus.story, POLL)


def of(database: Database) -> dict[str, str]:
    return {"namespace": database.namespace, "database": database.name}


def test_a_database_without_a_backup_is_told_until_it_has_one(
    prometheus: Prometheus, watched: Database
) -> None:
    alert = told(prometheus, "KeddahNotBackedUp", **of(watched))
    assert alert["summary"] == f"{watched.namespace}/orders has no backup that is recent and good"
    assert f"describe pgdb {watched.name}" in alert["description"]
    assert alert["runbook_url"].endswith("#keddahnotbackedup")
    assert not watched.apply(parameters={"work_mem": "much"}).accepted
    watched.change(backup={"suspended": False})
    over(prometheus, "KeddahNotBackedUp", **of(watched))
    # Its outcome is waited for by the last of these tests.
    watched.cluster.good(
        *("--namespace", watched.namespace, "annotate", "pgdb", watched.name, "keddah.dev/verify-now=once")
    )


def test_connections_near_the_limit_are_told_before_applications_are_refused(
    prometheus: Prometheus, watched: Database
) -> None:
    primary = watched.primary()
    many = (
        f'for i in $(seq {SESSIONS}); do psql "$(cat /etc/keddah/app/uri)" -c "SELECT pg_sleep(600)" & done'
    )
    watched.execute(primary, "sh", "-c", f"({many}) >/dev/null 2>&1 &")
    alert = told(prometheus, "KeddahConnectionsNearLimit", **of(watched), pod=primary)
    assert "of the connections that it takes" in alert["summary"]
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'"
    watched.superuser(primary, end)
    over(prometheus, "KeddahConnectionsNearLimit", **of(watched))


def test_a_standby_that_is_gone_is_told_and_a_database_that_is_well_has_no_alert(
    prometheus: Prometheus, watched: Database
) -> None:
    [standby] = watched.standbys()
    with cut_off(watched.child("Pod", standby)):
        told(prometheus, "KeddahInstanceDown", **of(watched), pod=standby)
        told(prometheus, "KeddahNotReplicated", **of(watched))
        told(prometheus, "KeddahNotReady", **of(watched))
        assert not prometheus.fires("KeddahNoPrimary", **of(watched))
    watched.settled()
    until(
        lambda: not [each for each in prometheus.firing() if each.get("database") == watched.name],
        60,
        prometheus.story,
        POLL,
    )


def test_a_controller_that_is_gone_is_told(cluster: Cluster, prometheus: Prometheus) -> None:
    with cluster.without("controller"):
        told(prometheus, "KeddahControllerDown")
    over(prometheus, "KeddahControllerDown")


def test_every_picture_of_the_board_shows_something(prometheus: Prometheus, watched: Database) -> None:
    until(lambda: watched.status()["backups"].get("lastVerifiedTime"), 180, watched.story, POLL)
    queries = {
        f"{row.title} / {panel.title} / {query.legend}": query.expression.replace(WINDOW, "5m")
        .replace("$namespace", watched.namespace)
        .replace("$database", watched.name)
        for row in ROWS
        for panel in row.panels
        for query in panel.queries
    }

    def empty() -> list[str]:
        return [name for name, expression in queries.items() if not prometheus.numbers(expression)]

    until(lambda: not empty(), 60, empty, 1)
    assert len(queries) > 50
    chosen = [(each["namespace"], each["database"]) for each, _ in prometheus.query(str(CHOICES))]
    assert (watched.namespace, watched.name) in chosen
    if origin := os.environ.get("KEDDAH_RECORD"):
        record(origin, prometheus, watched)
