from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local.cluster import elapsed_printer
from deploy.local.processes import Processes, Program, start_time
from deploy.local.state import (
    Record,
    StateError,
    StateFolder,
    cluster_folder,
    locked,
    taken_indices,
    write_if_changed,
)


@pytest.mark.parametrize("name", ["", "-a", "A", "a/b", "..", "1a", "a" * 31, "a b"])
def test_a_name_that_cannot_be_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(StateError, match="name"):
        cluster_folder(name, {"XDG_STATE_HOME": "/state"})


def test_a_folder_too_deep_for_sockets_is_refused_with_the_way_out() -> None:
    with pytest.raises(StateError, match="XDG_STATE_HOME"):
        cluster_folder("keddah", {"XDG_STATE_HOME": f"/{'deep/' * 20}"})


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "blue")
    assert folder.read() is None
    folder.write(Record(index=4, nodes=3))
    assert folder.read() == Record(index=4, nodes=3)
    assert taken_indices(tmp_path) == {"blue": 4}


def test_what_is_right_already_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "configuration"
    write_if_changed(file, "one")
    before = file.stat().st_ino
    write_if_changed(file, "one")
    assert file.stat().st_ino == before
    write_if_changed(file, "two")
    assert file.read_text() == "two"


def test_a_process_is_known_by_when_it_started_too(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(f'{{"pid": {os.getpid()}, "started": {start_time(os.getpid())}}}')
    (tmp_path / "reused").write_text(f'{{"pid": {os.getpid()}, "started": 1}}')
    processes = Processes(tmp_path, tmp_path / "logs")
    assert processes.pid("mine") == os.getpid()
    assert processes.pid("reused") is None


def test_a_program_within_another_keeps_its_name_and_environment() -> None:
    program = Program("etcd", ("etcd", "--name=x"), {"A": "b"}).within("nsenter", "--")
    assert program == Program("etcd", ("nsenter", "--", "etcd", "--name=x"), {"A": "b"})


def test_who_waits_for_another_process_says_so_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock"
    with ThreadPoolExecutor() as pool:
        with locked(lock):
            second = pool.submit(lambda: locked(lock).__enter__())
            while not (said := capsys.readouterr().err):
                time.sleep(0.01)
            assert said == f"waiting for another process, which holds {lock}: 0 s\n"
            assert not second.done()
        second.result(timeout=5)


def test_results_alone_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    elapsed_printer()("building Kubernetes")
    said = capsys.readouterr()
    assert (said.out, said.err.partition("] ")[2]) == ("", "building Kubernetes\n")
