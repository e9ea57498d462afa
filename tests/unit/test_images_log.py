"""What becomes of a container's lines: each is told whose it is, none is lost, and none holds anybody up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.protocol.settings import Settings, VolumeRepository
from deploy.images.log import files, output
from deploy.images.log.containers import Container
from deploy.images.log.files import Files
from deploy.images.log.lines import Joined, apart, of_program
from deploy.images.log.output import Output
from deploy.images.log.postgres import of_json
from deploy.images.log.program import Program
from deploy.images.log.supervisor import Supervisor
from schemas.records import REQUIRED, as_json, as_text

NOW = 1_796_000_000.25
TS = "2026-11-30T00:53:20.250Z"
ERROR = {
    "timestamp": "2026-12-01 03:56:59.563 CET",
    "user": "app",
    "dbname": "app",
    "pid": 15237,
    "error_severity": "ERROR",
    "state_code": "22012",
    "message": "division by zero",
    "statement": "select 1/0",
}


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_whatever_is_written_becomes_one_line_with_all_fields(said: bytes, prefix: bytes) -> None:
    text = (prefix + said).decode(errors="backslashreplace")
    for fields in (of_program(text, NOW, "keddah.backup"), of_json(text, NOW)):
        assert set(REQUIRED) <= set(json.loads(as_json(fields)))
        assert "\n" not in as_json(fields)
        assert "\n" not in as_text(fields).replace("\n\t", "")


@pytest.mark.parametrize(
    ("line", "level", "logger", "msg"),
    [
        ("P00   INFO: backup command begin", "info", "pgbackrest", "backup command begin"),
        (
            "2026-12-01 03:56:59.563 P02   WARN: a\n            HINT: b",
            "warning",
            "pgbackrest",
            "a\n            HINT: b",
        ),
        ("P00  ERROR: [055]: unable", "error", "pgbackrest", "[055]: unable"),
        ("WARN: unable to check pg1", "warning", "pgbackrest", "unable to check pg1"),
        ("ERROR:  division by zero", "error", "postgres", "division by zero"),
        ("pg_rewind: error: could not", "error", "pg_rewind", "could not"),
        ("pg_basebackup: waiting: for it", "info", "pg_basebackup", "waiting: for it"),
        ("2026-12-01 03:56:59,563 WARNING: Retry", "warning", "patroni", "Retry"),
        (
            "2026-12-01 03:56:59.563 UTC [12] app@app 10.0.0.1 FATAL:  ERROR:  no",
            "error",
            "postgres",
            "ERROR:  no",
        ),
        ("PANIC:  a\nb", "critical", "postgres", "a\nb"),
        ("Server ended with code 1", "info", "keddah.backup", "Server ended with code 1"),
        ('{"command": "backup"}', "info", "keddah.backup", "Result"),
        ("{no json", "info", "keddah.backup", "{no json"),
    ],
)
def test_a_line_tells_whose_it_is_and_how_grave(line: str, level: str, logger: str, msg: str) -> None:
    found = of_program(line, NOW, "keddah.backup")
    assert (found["level"], found["logger"], found["msg"]) == (level, logger, msg)


def test_a_line_that_is_one_already_stays_as_it_is() -> None:
    fields = {"ts": TS, "level": "info", "logger": "patroni.ha", "msg": "no action"}
    assert of_program(json.dumps(fields), 0, "keddah.patroni") == fields


def test_what_postgresql_says_keeps_postgresqls_names() -> None:
    said = {**ERROR, "timestamp": "2026-12-01 03:56:59.563 UTC"}
    rest = {name: value for name, value in ERROR.items() if name not in ("timestamp", "message")}
    assert of_json(json.dumps(said), NOW) == {
        "ts": "2026-12-01T03:56:59.563Z",
        "level": "error",
        "logger": "postgres",
        "msg": "division by zero",
        "postgresql": rest,
    }


def test_a_time_of_another_zone_is_kept_beside_that_of_the_reading() -> None:
    found = of_json(json.dumps(ERROR), NOW)
    assert (found["ts"], found["postgresql"]["timestamp"]) == (TS, ERROR["timestamp"])


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_a_line_that_is_cut_keeps_what_came_before(cut: int) -> None:
    whole = json.dumps({**ERROR, "statement": "select \u00e9" * 3})
    found = of_json(whole[:-cut], NOW)
    assert (found["level"], found["postgresql"]["state_code"]) == ("error", "22012")


def test_a_line_that_another_program_has_begun_is_two() -> None:
    whole = as_json(of_program("x", NOW, "patroni"))
    assert apart(f"syncing ... {whole}") == ["syncing ... ", whole]
    assert [apart(line) for line in ("syncing ... ok", whole, "")] == [["syncing ... ok"], [whole], [""]]


def test_what_goes_on_after_a_tab_or_spaces_is_one_line() -> None:
    joined = Joined(20)
    given = ["a", "\tb", "   c", "d", "\t" + "e" * 20, "f"]
    assert [joined.take(line) for line in given] == [
        None, None, None, "a\nb\n   c", "d", "\t" + "e" * 20
    ]  # fmt: skip
    assert joined.end() == "f"
    assert joined.end() is None


def collected(folder: Path, *, most: int = files.MOST) -> Files:
    """Give the files of a collector that has none open."""
    return Files(folder, most, processes=folder / "proc")


def write(folder: Path, name: str, text: str) -> None:
    with (folder / name).open("a") as file:
        file.write(text)


def test_files_are_read_in_their_order_and_to_their_ends(tmp_path: Path) -> None:
    found = collected(tmp_path)
    assert list(found.lines(1000)) == []
    write(tmp_path, "1.json", "a\nb")
    assert list(found.lines(1000)) == [(True, "a")]
    write(tmp_path, "1.json", "c\n")
    write(tmp_path, "2.json", "d\n")
    write(tmp_path, "2.log", "e\n")
    assert list(found.lines(1000)) == [(True, "bc"), (True, "d"), (False, "e")]
    assert list(found.lines(1000)) == []


def test_a_file_is_removed_once_it_is_read_and_no_collector_has_it(tmp_path: Path) -> None:
    process = tmp_path / "proc" / "12"
    (process / "fd").mkdir(parents=True)
    (process / "cmdline").write_bytes(b"postgres: orders: logger \0")
    (process / "fd" / "7").symlink_to(tmp_path / "2.json")
    found = collected(tmp_path)
    for name in ("1.json", "2.json", "3.json"):
        write(tmp_path, name, "a\nb\n")
    list(found.lines(5))
    assert not (tmp_path / "1.json").exists()
    list(found.lines(1000))
    assert [path.name for path in sorted(tmp_path.glob("*.json"))] == ["2.json", "3.json"]


def test_a_file_that_has_no_collector_yet_is_kept_for_it(tmp_path: Path) -> None:
    found = collected(tmp_path)
    write(tmp_path, "1.json", "a\n")
    list(found.lines(1000))
    # A server starts again: it opens the next files itself, and hands them over.
    with (tmp_path / "2.json").open("a") as next_one, (tmp_path / "2.log").open("a"):
        list(found.lines(1000))
        assert [path.name for path in sorted(tmp_path.glob("?.*"))] == ["2.json", "2.log"]
        next_one.write("b\n")
        next_one.flush()
        assert list(found.lines(1000)) == [(True, "b")]


def test_who_comes_after_goes_on_where_the_last_has_noted(tmp_path: Path) -> None:
    write(tmp_path, "1.json", "a\n")
    before = collected(tmp_path)
    list(before.lines(1000))
    before.keep()
    write(tmp_path, "1.json", "b\n")
    assert list(collected(tmp_path).lines(1000)) == [(True, "b")]


def test_of_too_much_the_oldest_file_goes_and_its_lines_are_counted(tmp_path: Path) -> None:
    found = collected(tmp_path, most=10)
    for name in ("1.json", "2.json", "3.json"):
        write(tmp_path, name, "a\nb\nc\n")
    found.bound()
    assert found.dropped == 6
    assert [line for _, line in found.lines(1000)] == ["a", "b", "c"]


def test_a_line_without_an_end_is_cut_and_the_rest_of_it_left_out(tmp_path: Path) -> None:
    write(tmp_path, "1.json", "x" * files.LONGEST + "y" * files.LONGEST + "z\nnext\n")
    lines = [line for _, line in collected(tmp_path).lines(10 * files.LONGEST)]
    assert [line[:4] for line in lines] == ["xxxx", "next"]


def test_nothing_waits_for_an_output_that_stands_still() -> None:
    read, written = os.pipe()
    found = Output(written, most=200_000)
    began = time.monotonic()
    for _ in range(4000):
        found.put("x" * 99)
        found.flush()
    assert time.monotonic() - began < 5
    assert not found.empty
    assert not found.has_room
    taken = bytearray()
    os.set_blocking(read, False)
    while not found.empty:
        found.flush()
        taken += os.read(read, 1 << 16)
    assert found.dropped > 0
    assert len(taken) // 100 + found.dropped == 4000
    os.close(read)
    # Nobody will ever read again.
    found.put("x")
    found.flush()
    assert found.empty


def test_a_container_tells_whose_lines_these_are_and_how_they_are_written(tmp_path: Path) -> None:
    asked, told = tmp_path / "logging", tmp_path / "settings.json"
    member = {"PATRONI_NAME": "my-orders-0", "PATRONI_KUBERNETES_NAMESPACE": "shop", "HOSTNAME": "x"}
    labels = {"database": "shop/my-orders", "instance": "my-orders-0"}
    assert Container(member, asked, told).look() == ("JSON", labels)
    repository = VolumeRepository(host="h")
    settings = Settings(archive="a", data="d", repository=repository, database="shop/b", logging="Text")
    told.write_text(settings.text())
    assert Container({"HOSTNAME": "b-repository-0"}, asked, told).look() == (
        "Text",
        {"database": "shop/b", "instance": "b-repository-0"},
    )
    exporter = Container({"HOSTNAME": "b-0", "KEDDAH_DATABASE": "shop/b"}, asked, tmp_path / "none")
    assert exporter.look() == ("JSON", {"database": "shop/b", "instance": "b-0"})
    asked.write_text("JSON")
    assert Container(member, asked, told).look() == ("JSON", labels)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "deploy.images.log", *words]


def run(*words: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(command(*words), stdout=subprocess.PIPE, text=True, check=False, timeout=20)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_program_runs_as_by_itself_and_its_last_line_is_written() -> None:
    code, said = run("sh", "-c", "echo one; echo two >&2; printf last; exit 3")
    assert code == 3
    assert [each["msg"] for each in said] == ["one", "two", "last"]
    assert run("sh", "-c", "kill -KILL $$")[0] == 128 + signal.SIGKILL


def test_what_a_program_has_left_ends_with_it(tmp_path: Path) -> None:
    """As a server does whose Patroni was killed, and its children after it."""
    server = "sleep 60 & echo $! >child; exec sleep 60"
    script = f"""cd {tmp_path}; setsid sh -c '{server}' & echo $! >server
        while ! [ -s child ]; do sleep 0.02; done; kill -KILL $$"""
    assert run("sh", "-c", script)[0] == 128 + signal.SIGKILL
    for name in ("server", "child"):
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / name).read_text()), 0)


def test_a_process_that_a_running_program_leaves_stays_and_is_reaped(tmp_path: Path) -> None:
    """Patroni waits until its server, which is no child of its own, is gone."""
    script = f"""cd {tmp_path}; (sleep 0.2 & echo $! >left); kill -0 $(cat left) && echo stays
        while kill -0 $(cat left) 2>/dev/null; do sleep 0.02; done; echo gone"""
    assert [each["msg"] for each in run("sh", "-c", script)[1]] == ["stays", "gone"]


def test_the_collector_is_left_to_write_its_last_line(tmp_path: Path) -> None:
    """It is not killed, and waited for once it is a child of this process."""
    process = tmp_path / "proc" / "4000000"
    process.mkdir(parents=True)
    (process / "cmdline").write_bytes(b"postgres: orders: logger \0")
    found = collected(tmp_path)
    assert found.collectors() == {4000000}
    for parent, orphaned in ((4000001, False), (1, True), (os.getpid(), True)):
        (process / "stat").write_text(f"4000000 (postgres: (x) y) S {parent} 0 0")
        assert found.orphaned() is orphaned


def test_a_program_that_is_missing_is_told() -> None:
    done = subprocess.run(command("/no/such"), capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert json.loads(done.stderr)["level"] == "critical"


def test_a_signal_reaches_the_program_which_says_its_last_words() -> None:
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.02; done"
    with subprocess.Popen(command("sh", "-c", script), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "up" in process.stdout.readline()
        process.terminate()
        assert json.loads(process.stdout.read())["msg"] == "bye"
        assert process.wait(10) == 7


def test_a_program_ends_although_nobody_takes_what_it_says() -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done"
    read, written = os.pipe()
    with subprocess.Popen(command("sh", "-c", script), stdout=written) as process:
        assert process.wait(20) == 0
    os.close(written)
    os.close(read)


def test_what_is_read_late_stays_in_its_order(tmp_path: Path) -> None:
    """A server tells where it will log, and logs; who had no processor meanwhile finds both at once."""
    (tmp_path / "a.json").write_text('{"message": "database system is shut down"}\n')
    read, written = os.pipe()
    os.write(written, b"Future log output will appear elsewhere.\n")
    os.set_blocking(read, False)
    taken = (tmp_path / "taken").open("w+b")

    class Ended(Program):
        def __init__(self) -> None:
            self.output = self.woken = read
            self.silent = False
            self._codes = iter((None, 0, 0))

        def code(self) -> int | None:
            return next(self._codes)

        def wake(self) -> None:
            """Have no signals."""

        def end_left(self, *, besides: set[int]) -> bool:  # noqa: ARG002 - as in Program
            """Have left nothing, which is looked at before all else."""
            assert os.fstat(taken.fileno()).st_size == 0
            return False

    supervisor = Supervisor(Container({}), Files(tmp_path), Output(taken.fileno()), "postgres", time.time)
    assert supervisor.run(Ended()) == 0
    taken.seek(0)
    said = [json.loads(line)["msg"] for line in taken]
    assert said == ["Future log output will appear elsewhere.", "database system is shut down"]
    for end in (read, written):
        os.close(end)
    taken.close()


def test_bounds_fit() -> None:
    # What is read from files at once fits beside what a program may have said.
    assert output.AHEAD + files.LONGEST < output.MOST < files.MOST
