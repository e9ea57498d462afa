"""Extensions: what the catalogue says is there can be created, and works once the server has its library."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import yaml

from deploy.images.build import Built, Naming, Workshop, build
from deploy.images.inputs import EXTENSIONS, POSTGRES
from deploy.local.processes import run
from deploy.local.state import cache_root
from deploy.target import CHECKOUT
from tests import policies, sites
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.waiting import until

ASKED = ["pg_stat_statements", "pgaudit", "pg_cron"]
"""Those with a library that a server must have been started with."""
PRELOADED = ",".join(ASKED)
PROVIDED = """
SELECT json_object_agg(name, versions) FROM (
    SELECT name, array_agg(version::text) AS versions FROM pg_available_extension_versions GROUP BY name
) found"""
DEFAULTS = """
SELECT json_object_agg(name, default_version)
FROM pg_available_extensions JOIN pg_available_extension_versions versions USING (name)
WHERE versions.version = default_version"""
"""Debian has PostGIS under two names, one of which nobody can create."""
STARTED = "SELECT pg_postmaster_start_time()"
JOB = "SELECT cron.schedule('beat', '1 second', 'INSERT INTO beats DEFAULT VALUES')"

_LARGER = pytest.mark.own_cluster("builds an image on this machine, and gives it to the nodes")
SERVERS = [
    pytest.param((POSTGRES, "17"), id="17"),
    pytest.param((POSTGRES, "18"), id="18"),
    pytest.param((EXTENSIONS, "17"), id="larger-17", marks=_LARGER),
    pytest.param((EXTENSIONS, "18"), id="larger-18", marks=_LARGER),
]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, cluster: Cluster, made: Callable[[], str]) -> Iterator[Database]:
    """Give a database of an image and a major that asked for nothing, and then for all that is preloaded."""
    target, major = request.param
    with policies.changing(cluster) as change:
        if target is EXTENSIONS:
            change(partial(_larger, _given(), major))
        database = Database(cluster, made())
        # One of them has a standby, which loads the same.
        replicas = 2 if request.param == (POSTGRES, "18") else 1
        database.apply(version=major, replicas=replicas, parameters={"pgaudit.log": "ddl"}).expect()
        database.settled()
        started = database.everywhere(STARTED)
        assert set(database.everywhere("SHOW shared_preload_libraries").values()) == {""}
        database.change(databases=[{"name": "app", "extensions": ASKED}])
        database.until_everywhere("SHOW shared_preload_libraries", PRELOADED, 120)
        database.settled()
        assert all(database.everywhere(STARTED)[pod] > before for pod, before in started.items())
        yield database
        database.delete()


def _given() -> Built:
    """Build the larger image, and give it to the nodes of the local cluster."""
    month = datetime.now(tz=UTC).strftime("%Y-%m")
    image = build(EXTENSIONS, Naming(), Workshop(CHECKOUT, cache_root(os.environ), month, os.environ))
    run(sys.executable, "-m", "deploy.local", "load", "--name", sites.local_name(), image.archive)
    return image


def _larger(image: Built, major: str, policy: policies.Policy) -> None:
    """Have the catalogue name it, with what it says of itself."""
    release = policies.release(policy, major)
    releases = yaml.safe_load(image.catalogue)
    (has,) = (each["extensions"] for each in releases if each["version"] == release["version"])
    release.update(image=image.content_name, extensions=has)


def catalogue(database: Database) -> dict[str, dict[str, Any]]:
    """Give what the policy says of the extensions of a database's release."""
    major = str((database.read() or {})["spec"]["version"])
    found: dict[str, dict[str, Any]] = policies.release(policies.current(database.cluster), major)[
        "extensions"
    ]
    return found


def within(database: Database, statement: str) -> str:
    """Run a statement in the application's database as the superuser."""
    command = ("psql", "-X", "-v", "ON_ERROR_STOP=1", "-Atc", statement, "app")
    done = database.execute(database.primary(), *command)
    assert done.code == 0, f"{statement}: {done.err}"
    return done.out.strip()


@pytest.mark.minutes(1)
def test_the_catalogue_says_what_the_server_says(server: Database) -> None:
    said = catalogue(server)
    assert {name: each["version"] for name, each in said.items()} == yaml.safe_load(within(server, DEFAULTS))
    versions = yaml.safe_load(within(server, PROVIDED))
    claimed = {(name, other) for name, each in said.items() for other in each.get("others", [])}
    assert claimed <= {(name, version) for name, found in versions.items() for version in found}


def test_every_extension_of_the_catalogue_can_be_created(server: Database) -> None:
    said = catalogue(server)
    for name in said:
        within(server, f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE')
    found = yaml.safe_load(within(server, "SELECT json_object_agg(extname, extversion) FROM pg_extension"))
    assert found == {name: each["version"] for name, each in said.items()}
    schemas = yaml.safe_load(
        within(server, "SELECT json_object_agg(extname, extnamespace::regnamespace) FROM pg_extension")
    )
    fixed = {name: each["schema"] for name, each in said.items() if "schema" in each}
    assert fixed.items() <= schemas.items()


def test_statements_are_counted_audited_and_run_on_time(server: Database) -> None:
    for name in ASKED:
        within(server, f'CREATE EXTENSION IF NOT EXISTS "{name}"')
    within(server, "CREATE TABLE beats (at timestamptz DEFAULT now())")
    counted = "SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'CREATE TABLE beats%'"
    assert within(server, counted) == "1"
    where = ("--namespace", server.namespace, "logs", server.primary(), "--container=postgres", "--tail=500")
    until(lambda: "AUDIT: SESSION" in server.cluster.good(*where), 20, server.story, POLL)
    within(server, JOB)
    until(lambda: int(within(server, "SELECT count(*) FROM beats")) > 1, 30, server.story, POLL)
    runs = "SELECT DISTINCT status FROM cron.job_run_details WHERE end_time IS NOT NULL"
    assert within(server, runs) == "succeeded"


def test_access_to_a_whole_database_reaches_nothing_of_its_extensions(server: Database) -> None:
    server.change(roles=[{"name": "boss", "grants": [{"database": "app", "access": "Owner"}]}])
    server.until_condition("Provisioned", "AsDeclared")
    # Whoever writes there, or has a trigger there, runs what he likes as a superuser.
    of_cron = "SELECT has_table_privilege('boss', 'cron.job', 'INSERT, UPDATE, DELETE, TRIGGER')"
    assert within(server, of_cron) == "f"
    assert within(server, "SELECT has_table_privilege('boss', 'cron.job_run_details', 'TRIGGER')") == "f"
    assert within(server, "SELECT has_schema_privilege('boss', 'public', 'CREATE')") == "t"


def test_jobs_go_on_after_a_switchover(server: Database) -> None:
    if len(server.pods()) == 1:
        pytest.skip("the only instance")
    server.switch_over(server.standbys()[0])
    before = int(within(server, "SELECT count(*) FROM beats"))
    until(lambda: int(within(server, "SELECT count(*) FROM beats")) > before + 1, 30, server.story, POLL)


def test_places_are_transformed_and_drawn(server: Database) -> None:
    if "postgis" not in catalogue(server):
        pytest.skip("this image has no PostGIS")
    for name in ("postgis", "postgis_raster", "postgis_sfcgal"):
        within(server, f"CREATE EXTENSION IF NOT EXISTS {name}")
    east = "round(ST_X(ST_Transform(ST_SetSRID(ST_Point(13.4, 52.5), 4326), 3857)))"
    drawn = "ST_Width(ST_AsRaster(ST_Buffer(ST_Point(0, 0), 10), 7, 7))"
    assert within(server, f"SELECT {east}, {drawn}") == "1491681|7"
    assert float(within(server, "SELECT ST_3DArea('POLYGON((0 0 0, 4 0 0, 4 2 0, 0 2 0, 0 0 0))')")) == 8
