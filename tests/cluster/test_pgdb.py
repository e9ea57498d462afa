"""`kubectl pgdb` on a real cluster: each command as a person types it, as a plugin of their own kubectl."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import Cluster
from tests.databases import Database

RARELY = "0 0 29 2 *"
ROOT = Path(__file__).parents[2]
PUBLIC = frozenset({"ca.crt", "tls.crt", "host", "port", "dbname", "username", "issuer.crt"})
"""Keys of Secrets whose values are no secrets."""


class Program:
    """The plugin, found by kubectl in the PATH."""

    def __init__(self, folder: Path, cluster: Cluster, namespace: str) -> None:
        script = folder / "kubectl-pgdb"
        script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m kubectl_pgdb "$@"\n')
        script.chmod(0o700)
        environment = cluster.environment
        self._environment = {**environment, "PATH": f"{folder}:{environment['PATH']}"}
        self._folder, self._namespace = folder, namespace

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run one command; return what it printed, on both of its outputs."""
        done = subprocess.run(
            ["kubectl", "pgdb", words[0], f"--namespace={self._namespace}", *words[1:]],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def json(self, *words: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """Run one command for machines."""
        return json.loads(self(*words, "--output=json"))


@pytest.fixture
def pgdb(tmp_path: Path, cluster: Cluster, trio: Database) -> Program:
    """Give the program for the shared database."""
    return Program(tmp_path, cluster, trio.namespace)


@pytest.fixture(scope="module")
def orders(cluster: Cluster, made: Callable[[], str]) -> Iterator[Database]:
    """Give a database with a first backup."""
    database = Database(cluster, made(), "orders")
    database.apply(replicas=1, backupSchedule=RARELY, backup={"verify": {"schedule": ""}}).expect()
    database.settled()
    database.until_condition("BackedUp", "BackupRecent", 180)
    yield database
    database.delete()


def test_one_screen_says_how_a_database_is(pgdb: Program, trio: Database) -> None:
    screen = pgdb("status", trio.name)
    assert f"{trio.name} in {trio.namespace}, PostgreSQL" in screen
    assert ": Ready, 3/3 ready" in screen
    assert screen.count("streaming") == 2
    assert "free of" in screen
    assert "not shown" not in screen
    found = pgdb.json("status", trio.name)
    assert [each["role"] for each in found["instances"]].count("primary") == 1
    assert trio.name in pgdb("status", "--all-namespaces")


def test_logs_and_sessions_reach_the_instances(pgdb: Program, trio: Database) -> None:
    assert {f"{trio.name}-{n}" for n in range(3)} <= set(pgdb("logs", trio.name, "--tail=20").split())
    lines = [json.loads(line) for line in pgdb("logs", trio.name, "--tail=5", "-o", "json").splitlines()]
    assert [line["ts"] for line in lines] == sorted(line["ts"] for line in lines)
    assert all({"ts", "level", "logger", "instance", "msg"} <= set(line) for line in lines)
    assert pgdb("psql", trio.name, "--", "-Atc", "SELECT count(*) FROM kept").strip() == "100"
    assert pgdb("psql", trio.name, "--app", "--", "-Atc", "SELECT current_user").strip() == "app"
    assert "connections" in pgdb("top", trio.name)
    assert pgdb.json("top", trio.name, "--instance=" + trio.standbys()[0])["standby"] is True


def test_a_switchover_goes_where_it_is_told_and_a_refusal_says_why(pgdb: Program, trio: Database) -> None:
    to = trio.standbys()[0]
    assert f"{to} is primary" in pgdb("switchover", trio.name, "--to", to)
    assert trio.primary() == to
    trio.settled()
    assert "cannot take over now" in pgdb("switchover", trio.name, "--to", f"{trio.name}-7", code=1)
    trio.until_told("RequestRefused: switchover-now=", "cannot take over now")


def test_one_instance_is_restarted_and_all_reload(pgdb: Program, trio: Database) -> None:
    before, one = trio.uids(), trio.standbys()[0]
    assert f"restarted: {one}" in pgdb("restart", trio.name, "--instance", one)
    assert {name for name, uid in trio.uids().items() if before[name] != uid} == {one}
    assert "asked to reload" in pgdb("reload", trio.name)


def test_a_pause_holds_everything_until_it_is_ended(pgdb: Program, trio: Database) -> None:
    pgdb("pause", trio.name)
    try:
        assert "Patroni is paused" in pgdb("restart", trio.name, code=1)
        assert "pgdb resume" in pgdb("status", trio.name)
    finally:
        pgdb("resume", trio.name)
    trio.settled()


def test_a_volume_that_may_be_needed_is_not_discarded(pgdb: Program, trio: Database) -> None:
    claim = f"data-{trio.primary()}"
    try:
        said = pgdb("discard", trio.name, trio.primary(), "--yes", "--timeout=60", code=1)
        assert "is kept" in said
    finally:
        trio.cluster.good("--namespace", trio.namespace, "annotate", "pvc", claim, "keddah.dev/discard-")


def test_hibernation_and_waking_are_waited_for(pgdb: Program, trio: Database) -> None:
    assert "Hibernated" in pgdb("hibernate", trio.name)
    assert trio.pods() == []
    assert "stopped" in pgdb("status", trio.name)
    assert "Ready" in pgdb("wake", trio.name)


def test_a_report_has_what_support_needs_and_no_value_of_any_secret(
    pgdb: Program, trio: Database, tmp_path: Path
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
    pgdb = Program(tmp_path, orders.cluster, orders.namespace)
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
    pgdb = Program(tmp_path, orders.cluster, orders.namespace)
    said = pgdb("restore", "orders", "--to=2001-01-01T00:00:00Z", code=1)
    assert "the oldest moment that can be restored" in said
    assert "needs a standby" in pgdb("switchover", "orders", code=1)
