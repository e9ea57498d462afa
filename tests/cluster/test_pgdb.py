"""`kubectl pgdb` on a real cluster: each command as a person types it, as a plugin of their own kubectl."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from deploy.installation import build_images
from deploy.target import choose
from tests import factory, sites
from tests.clusters import Cluster
from tests.databases import Database
from tests.plugin import Plugin
from tests.restores import NOW, until_restorable
from tests.waiting import until

RARELY = "0 0 29 2 *"
PUBLIC = frozenset({"ca.crt", "tls.crt", "host", "port", "dbname", "username", "issuer.crt"})
"""Keys of Secrets whose values are no secrets."""


@pytest.fixture
def pgdb(tmp_path: Path, cluster: Cluster, trio: Database) -> Plugin:
    """Give the plugin for the shared database."""
    return Plugin(tmp_path, cluster.environment, trio.namespace)


@pytest.fixture(scope="module")
def orders(cluster: Cluster, made: Callable[[], str]) -> Iterator[Database]:
    """Give a database with a first backup."""
    database = Database(cluster, made(), "orders")
    database.apply(replicas=1, backupSchedule=RARELY, backup={"verify": {"schedule": ""}}).expect()
    database.settled()
    database.until_condition("BackedUp", "BackupRecent", 180)
    yield database
    database.delete()


def test_one_screen_says_how_a_database_is(pgdb: Plugin, trio: Database) -> None:
    screen = pgdb("status", trio.name)
    assert f"{trio.name} in {trio.namespace}, PostgreSQL" in screen
    assert ": Ready, 3/3 ready" in screen
    assert screen.count("streaming") == 2
    assert "free of" in screen
    assert "not shown" not in screen
    found = pgdb.json("status", trio.name)
    assert [each["role"] for each in found["instances"]].count("primary") == 1
    assert trio.name in pgdb("status", "--all-namespaces")


def test_logs_and_sessions_reach_the_instances(pgdb: Plugin, trio: Database) -> None:
    assert {f"{trio.name}-{n}" for n in range(3)} <= set(pgdb("logs", trio.name, "--tail=20").split())
    lines = [json.loads(line) for line in pgdb("logs", trio.name, "--tail=5", "-o", "json").splitlines()]
    assert [line["ts"] for line in lines] == sorted(line["ts"] for line in lines)
    assert all({"ts", "level", "logger", "instance", "msg"} <= set(line) for line in lines)
    assert pgdb("psql", trio.name, "--", "-Atc", "SELECT count(*) FROM public.kept").strip() == "100"
    assert pgdb("psql", trio.name, "--app", "--", "-Atc", "SELECT current_user").strip() == "app"
    assert "connections" in pgdb("top", trio.name)
    assert pgdb.json("top", trio.name, "--instance=" + trio.standbys()[0])["standby"] is True


def test_a_switchover_goes_where_it_is_told_and_a_refusal_says_why(pgdb: Plugin, trio: Database) -> None:
    to = trio.standbys()[0]
    assert f"{to} is primary" in pgdb("switchover", trio.name, "--to", to)
    assert trio.primary() == to
    trio.settled()
    assert "cannot take over now" in pgdb("switchover", trio.name, "--to", f"{trio.name}-7", code=1)
    trio.until_told("RequestRefused: switchover-now=", "cannot take over now")


def test_one_instance_is_restarted_and_its_log_is_followed(pgdb: Plugin, trio: Database) -> None:
    before, one = trio.uids(), trio.standbys()[0]
    say = "DO $$ BEGIN RAISE LOG '%s'; END $$"
    with pgdb.at_a_terminal("logs", trio.name, "--follow", "--tail=0", "-o", "json") as followed:
        time.sleep(2)
        trio.superuser(trio.primary(), say % "said before")
        until(lambda: "said before" in followed.text, 20, lambda: followed.text)
        assert f"restarted: {one}" in pgdb("restart", trio.name, "--instance", one)
        trio.superuser(one, say % "said after")
        until(lambda: "said after" in followed.text, 20, lambda: followed.text)
    lines = [json.loads(line) for line in followed.text.splitlines() if line.startswith("{")]
    assert [line["msg"] for line in lines].count("said before") == 1
    assert [line["instance"] for line in lines if line["msg"] == "said after"] == [one]
    assert {name for name, uid in trio.uids().items() if before[name] != uid} == {one}
    assert "asked to reload" in pgdb("reload", trio.name)


def test_top_is_live_and_outlives_a_switchover(pgdb: Plugin, trio: Database) -> None:
    primary, in_app = trio.primary(), ("psql", "-Xd", "app", "-c")
    with (
        pgdb.at_a_terminal("top", trio.name, "--every=0.5") as screen,
        ThreadPoolExecutor() as threads,
    ):
        held = threads.submit(trio.execute, primary, *in_app, "BEGIN; LOCK TABLE kept; SELECT pg_sleep(10)")
        until(lambda: "LOCK TABLE kept" in screen.text, 20, lambda: screen.text)
        waits = threads.submit(trio.execute, primary, *in_app, "SELECT count(*) FROM kept")
        until(lambda: "holds up 1" in screen.text, 10, lambda: screen.text)
        assert "pg_terminate_backend" in screen.text
        assert (held.result().code, waits.result().code) == (0, 0)
        pgdb("switchover", trio.name, "--to", trio.standbys()[0])
        seen = len(screen.text)
        until(lambda: "connections" in screen.text[seen:], 20, lambda: screen.text[seen:])


def test_a_pause_holds_everything_until_it_is_ended(pgdb: Plugin, trio: Database) -> None:
    pgdb("pause", trio.name)
    try:
        assert "Patroni is paused" in pgdb("restart", trio.name, code=1)
        assert "pgdb resume" in pgdb("status", trio.name)
    finally:
        pgdb("resume", trio.name)
    trio.settled()


def test_a_volume_that_may_be_needed_is_not_discarded(pgdb: Plugin, trio: Database) -> None:
    claim = f"data-{trio.primary()}"
    try:
        said = pgdb("discard", trio.name, trio.primary(), "--yes", "--timeout=60", code=1)
        assert "is kept" in said
    finally:
        trio.cluster.good("--namespace", trio.namespace, "annotate", "pvc", claim, "keddah.dev/discard-")


def test_a_standby_that_is_given_up_is_copied_again(pgdb: Plugin, trio: Database) -> None:
    one = trio.standbys()[0]
    before = trio.claims()[f"data-{one}"]["metadata"]["uid"]
    assert f"data-{one} is discarded" in pgdb("discard", trio.name, one.rpartition("-")[2], "--yes")
    trio.settled()
    assert trio.claims()[f"data-{one}"]["metadata"]["uid"] != before


def test_hibernation_and_waking_are_waited_for(pgdb: Plugin, trio: Database) -> None:
    assert "Hibernated" in pgdb("hibernate", trio.name)
    assert trio.pods() == []
    assert "stopped" in pgdb("status", trio.name)
    assert "trio is Hibernated" in pgdb("top", trio.name, code=1)
    assert "pgdb wake trio" in pgdb("psql", trio.name, code=1)
    assert "no lines" in pgdb("logs", trio.name)
    assert "Ready" in pgdb("wake", trio.name)


def test_a_report_has_what_support_needs_and_no_value_of_any_secret(
    pgdb: Plugin, trio: Database, tmp_path: Path
) -> None:
    # PostgreSQL logs a statement that fails, and what its author has written into it.
    spoilt = "ALTER ROLE nobody PASSWORD 'hunter2-of-a-person'"
    assert trio.execute(trio.primary(), "psql", "-Xc", spoilt).code == 1
    pgdb("report", trio.name, "--file=report.tar.gz")
    with tarfile.open(tmp_path / "report.tar.gz") as archive:
        files = {each.name: archive.extractfile(each) for each in archive}
        whole = {name: file.read() for name, file in files.items() if file}
    assert {name.rpartition("/")[2] for name in whole} >= {
        "database.yaml",
        "children.yaml",
        "logs.txt",
        "operator.log",
    }
    content = b"\0".join(whole.values())
    assert trio.name.encode() in content
    assert b"ALTER ROLE nobody PASSWORD" in content
    assert b"hunter2" not in content
    secrets = trio.cluster.rest.list("Secret", trio.namespace) + trio.cluster.rest.list(
        "Secret", "keddah-system"
    )
    values = {
        form
        for secret in secrets
        for key, value in (secret.get("data") or {}).items()
        if key not in PUBLIC
        for form in (value.encode(), base64.b64decode(value))
        if len(form) > 6
    }
    assert len(values) > 10
    assert not [value[:4] for value in values if value in content]


def test_a_backup_is_made_and_a_copy_restored_from_it(orders: Database, tmp_path: Path) -> None:
    pgdb = Plugin(tmp_path, orders.cluster.environment, orders.namespace)
    orders.sql("CREATE TABLE kept AS SELECT generate_series(1, 7) AS n")
    assert "succeeded" in pgdb("backup", "orders", "--id=before-release")
    screen = pgdb("backups", "orders")
    assert "BACKUPS  2" in screen
    assert screen.count("Succeeded") == 2
    assert "needs all of the WAL archived" not in pgdb("restore", "orders", "--into=copy", "--timeout=120")
    copy = Database(orders.cluster, orders.namespace, "copy")
    assert copy.settled().sql("SELECT count(*) FROM kept") == "7"
    copy.delete()
    assert "succeeded" in pgdb("verify-backup", "orders")


def test_what_is_impossible_is_refused_before_anybody_is_asked(orders: Database, tmp_path: Path) -> None:
    pgdb = Plugin(tmp_path, orders.cluster.environment, orders.namespace)
    said = pgdb("restore", "orders", "--to=2001-01-01T00:00:00Z", code=1)
    assert "the oldest moment that can be restored" in said
    assert "needs a standby" in pgdb("switchover", "orders", code=1)


def test_passwords_rotate_until_every_secret_has_another(orders: Database, tmp_path: Path) -> None:
    pgdb = Plugin(tmp_path, orders.cluster.environment, orders.namespace)
    first = orders.secret("app")
    assert "app logs in as app_b" in pgdb("rotate", "orders")
    second = orders.secret("app")
    assert (second["username"], second["password"] != first["password"]) == ("app_b", True)
    assert "--again" in pgdb("rotate", "orders", "app", code=1)
    assert orders.secret("app") == second
    assert pgdb.json("rotate", "orders", "app", "--again")["roles"][0]["login"] == "app"
    assert orders.secret("app")["password"] not in (first["password"], second["password"])
    assert 'is it "app"?' in pgdb("rotate", "orders", "ap", code=1)
    # An application's pod has it within a minute or so: of two rotations at once it knows neither password.
    until(orders.answers, 120, orders.story)


def test_the_data_goes_back_in_place_and_forth_again(orders: Database, tmp_path: Path) -> None:
    pgdb = Plugin(tmp_path, orders.cluster.environment, orders.namespace)
    rows = "SELECT count(*) FROM kept"
    orders.sql("SELECT pg_sleep(1.1)")
    target = orders.sql(NOW)
    orders.sql("SELECT pg_sleep(1.1)")
    orders.sql("DELETE FROM kept")
    orders.superuser("orders-0", "SELECT pg_switch_wal()")
    until_restorable(orders, target)
    said = pgdb("restore", "orders", "--to", target, "--yes", "--timeout=300")
    assert "the present volumes stay" in said
    assert orders.settled().sql(rows) == "7"
    assert "is not asked twice" in pgdb("restore", "orders", "--to", target, "--yes", code=1)
    pgdb("restore", "orders", "--to=former", "--yes", "--timeout=300")
    assert orders.settled().sql(rows) == "0"


@pytest.mark.own_cluster("makes another cluster, of one node")
@pytest.mark.minutes(1.5)
def test_keddah_is_installed_on_an_empty_cluster_and_updated(tmp_path: Path) -> None:
    name = f"{sites.local_name()}-empty"
    target, images = choose(print, name=name, own=True), build_images(print)
    local = [sys.executable, "-m", "deploy.local"]
    pgdb = Plugin(tmp_path, target.environment, "default")
    try:
        subprocess.run(
            [*local, "up", "--name", name, "--nodes=1", "--image", images.operator.archive], check=True
        )
        assert pgdb("install").count("successfully rolled out") == 2
        assert "no databases" in pgdb("status", "--all-namespaces")
        # As an update: nothing of it is refused, and nobody is asked to force it.
        assert pgdb("install").count("successfully rolled out") == 2
        file = tmp_path / "orders.yaml"
        file.write_text(yaml.safe_dump(factory.submitted("orders", "default", replicas=99)))
        assert "spec.replicas" in pgdb("lint", "--cluster", str(file), code=1)
    finally:
        target.down()
