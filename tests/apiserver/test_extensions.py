"""Extensions, by the servers of the database image: its catalogue is true, and what is derived is enough."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controller.desired.instances.parameters import parameters
from schemas.postgresql.extensions import LIBRARIES
from tests import factory
from tests.backup_machine import Database, Machine
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASKED = ["pgaudit", "pg_cron", "pg_stat_statements"]
VERSIONS = "SELECT json_object_agg(extname, extversion) FROM pg_extension"
SCHEMAS = "SELECT json_object_agg(extname, extnamespace::regnamespace) FROM pg_extension"
AVAILABLE = """
SELECT json_object_agg(name, versions) FROM (
    SELECT name, array_agg(version::text) AS versions FROM pg_available_extension_versions GROUP BY name
) found"""


@pytest.fixture(scope="module", params=[17, 18])
def server(
    request: pytest.FixtureRequest, database_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """Give a server of a major that was started as its database's extensions need it."""
    database = Database(Machine(database_root, tmp_path_factory.mktemp("server")), request.param)
    database.create()
    wanted = parameters(factory.typed_database(databases=[{"name": "app", "extensions": ASKED}]))
    libraries = {name: value for name, value in wanted.items() if "preload" in name or "cron." in name}
    settings = libraries | {"cron.database_name": "postgres", "archive_mode": "off", "pgaudit.log": "ddl"}
    with database.file("postgresql.conf").open("a") as configuration:
        configuration.write("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
    with database.running():
        yield database


def catalogue(server: Database) -> dict[str, dict[str, Any]]:
    """Give what the image says of the extensions of a server's major."""
    text = (server.machine.root / "usr/share/keddah/catalogue.yaml").read_text()
    major = server.sql("SHOW server_version_num")[:2]
    (found,) = (
        each["extensions"] for each in yaml.safe_load(text) if each["version"].startswith(f"{major}.")
    )
    return dict(found)


def test_the_image_says_what_its_server_says(server: Database) -> None:
    available = json.loads(server.sql(AVAILABLE))
    said = {name: {each["version"], *each.get("others", [])} for name, each in catalogue(server).items()}
    assert said.keys() == available.keys()
    assert [name for name, versions in said.items() if not versions <= {*available[name]}] == []


def test_every_extension_of_the_image_can_be_created(server: Database) -> None:
    said = catalogue(server)
    server.sql(*(f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE' for name in said))
    assert json.loads(server.sql(VERSIONS)) == {name: each["version"] for name, each in said.items()}
    fixed = {name: each["schema"] for name, each in said.items() if "schema" in each}
    assert fixed.items() <= json.loads(server.sql(SCHEMAS)).items()


def test_only_the_table_of_libraries_names_those_that_cannot_do_without(server: Database) -> None:
    folder = server.machine.root / server.bin.removeprefix("/").replace("/bin", "/lib")
    refuses = b"via shared_preload_libraries"
    found = {file.stem for file in folder.glob("*.so") if refuses in file.read_bytes().replace(b'"', b"")}
    # Those are no extensions, or can do without.
    assert found - {"sepgsql", "pg_partman_bgw", "pg_prewarm"} == {*LIBRARIES.values()} & {*catalogue(server)}


def test_statements_are_counted_and_audited_and_jobs_run(server: Database) -> None:
    server.sql(*(f"CREATE EXTENSION IF NOT EXISTS {name}" for name in ASKED))
    server.sql("CREATE TABLE beats (at timestamptz DEFAULT now())")
    counted = "SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'CREATE TABLE beats%'"
    assert server.sql(counted) == "1"
    assert "AUDIT: SESSION" in server.machine.path("log").read_text()
    server.sql("SELECT cron.schedule('beat', '1 second', 'INSERT INTO beats DEFAULT VALUES')")
    until(lambda: int(server.sql("SELECT count(*) FROM beats")) > 1, 20)
    runs = "SELECT DISTINCT status FROM cron.job_run_details WHERE end_time IS NOT NULL"
    assert server.sql(runs) == "succeeded"
