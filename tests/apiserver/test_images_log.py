"""The image's PostgreSQL, whose log somebody reads late, not at all, or after its end."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from controller.protocol.logs import COLLECTED
from deploy.images.log.files import MOST
from deploy.images.patroni.collecting import collected
from schemas.records import REQUIRED
from tests.backup_machine import Database, Machine
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.minutes(1)

LINES, LONG = 5000, 10_000
"""More than may wait to be read."""
FLOOD = (
    f"DO $$ BEGIN FOR n IN 1..{LINES} LOOP RAISE LOG 'flood % %', n, repeat('x', {LONG}); END LOOP; END $$"
)
UNDER_WAY = 12 << 20
"""Of the file that is being read, and of the one that is being written."""
PIPE_BYTES = 65536


class Server:
    """A PostgreSQL under `keddah-log`, with a pipe that nobody reads until somebody does.

    `starter`: the beginning of a command that starts it.
    """

    def __init__(self, root: Path, folder: Path, *starter: str) -> None:
        self.machine = Machine(root, folder, environment={"HOSTNAME": "orders-0"})
        self.database = Database(self.machine)
        self.database.create()
        given = {**collected(dict, COLLECTED)(), "log_destination": "jsonlog", "archive_mode": "off"}
        options = [f"-c{name}={value}" for name, value in given.items()]
        server = (f"{self.database.bin}/postgres", "-D", self.database.data, *options)
        command = ("keddah-log", *starter, *server)
        self.process = subprocess.Popen(self.machine.words(*command), stdout=subprocess.PIPE, cwd="/")
        until(lambda: self.machine.run(f"{self.database.bin}/pg_isready", "-h/run/postgresql").code == 0, 30)

    def files(self) -> int:
        """Return the bytes of the files that wait to be read."""
        return sum(file.stat().st_size for file in self.machine.path("tmp").glob("postgresql-log/*"))

    def read(self) -> list[dict[str, Any]]:
        """Have it shut down, and return all that it has written to its end."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=60)
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def server(database_root: Path, tmp_path: Path) -> Iterator[Server]:
    """Give one that runs."""
    tmp_path.chmod(0o755)
    made = Server(database_root, tmp_path)
    yield made
    with made.process:
        if made.process.poll() is None:
            made.process.send_signal(signal.SIGQUIT)


def test_commits_go_on_while_nobody_reads_and_what_was_dropped_is_told(server: Server) -> None:
    server.database.sql("CREATE TABLE kept (n int)", FLOOD)
    # The pipe is full, and so are the files.
    assert server.process.stdout is not None
    waiting = fcntl.ioctl(server.process.stdout.fileno(), 0x541B, b"\0\0\0\0")
    assert int.from_bytes(waiting, "little") > PIPE_BYTES // 2
    until(lambda: server.files() <= MOST + UNDER_WAY, 10)
    for _ in range(20):
        server.database.sql("SET statement_timeout = '2s'", "INSERT INTO kept VALUES (1)")
    said = server.read()
    assert all(set(REQUIRED) <= set(line) and line["instance"] == "orders-0" for line in said)
    flood = [int(line["msg"].split()[1]) for line in said if line["msg"].startswith("flood ")]
    dropped = sum(line["dropped"] for line in said if "dropped" in line)
    assert flood == sorted(set(flood))
    assert dropped > 0
    assert len(flood) + dropped >= LINES
    assert flood[-1] == LINES
    assert said[-1]["msg"] == "database system is shut down"


def test_an_error_has_what_postgresql_knows_of_it_and_the_last_line_is_there(server: Server) -> None:
    statement = "SELECT 1/0 /* \u00e9\n\t\"quoted\" '\u2028' */"
    with pytest.raises(AssertionError, match="division by zero"):
        server.database.sql(statement)
    said = server.read()
    # While it starts it refuses who asks whether it is ready.
    [error] = [line for line in said if line["msg"] == "division by zero"]
    assert (error["logger"], error["level"]) == ("postgres", "error")
    told = error["postgresql"]
    assert (told["state_code"], told["dbname"], told["statement"]) == ("22012", "postgres", statement)
    assert told["application_name"] == "psql"
    shutdown = [line["msg"].partition(":")[0] for line in said[-4:]]
    assert "checkpoint complete" in shutdown
    assert shutdown[-1] == "database system is shut down"
    # Nothing is left to be read again, and little to be kept.
    assert os.listdir(server.machine.path("tmp", "postgresql-log")) != []  # noqa: PTH208 - only names
    assert server.files() < 1 << 20


def test_what_a_container_that_was_killed_had_not_written_is_written_by_the_next(
    server: Server, database_root: Path, tmp_path: Path
) -> None:
    server.database.sql(
        "DO $$ BEGIN RAISE LOG 'before %', repeat('x', 90000); RAISE LOG 'last words'; END $$"
    )
    server.process.kill()
    server.process.wait()
    assert server.process.stdout is not None
    before = server.process.stdout.read().decode()
    assert "last words" not in before
    server.machine.must("sh", "-c", f"kill -QUIT $(head -n 1 {server.database.data}/postmaster.pid)")
    machine = Machine(database_root, tmp_path, environment={"HOSTNAME": "orders-0"})
    after = machine.must("keddah-log", "true")
    assert "last words" in after


def test_a_server_whose_patroni_is_killed_ends_at_once_though_its_last_lines_are_not_taken(
    database_root: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    patroni = 'echo $$ >/tmp/patroni; setsid "$@" & wait'
    server = Server(database_root, tmp_path, "sh", "-c", patroni, "sh")
    with server.process:
        server.database.sql(FLOOD)
        [postmaster, *_] = server.database.file("postmaster.pid").read_text().splitlines()
        server.machine.must("sh", "-c", "kill -KILL $(cat /tmp/patroni)")
        until(lambda: server.machine.run("sh", "-c", f"kill -0 {postmaster}").code != 0, 2)
