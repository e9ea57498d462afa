"""Never ten seconds without a word, and what other programs say in a log that is named."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.build import BuildError, binaries
from deploy.local.processes import CommandError
from deploy.progress import Task, logged, span, task

TALK = "import sys; print('one'); print('two', file=sys.stderr); print('three')"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (9.9, "0:09"), (130, "2:10"), (3700, "61:40")])
def test_a_time_is_minutes_and_seconds(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_task_says_how_far_it_is_and_how_long_it_takes_as_a_rule() -> None:
    # On a busy machine the first line may come before the note.
    line, said = "compiling kubernetes: 312 of 1900 packages, 0:00, as a rule 8 min", list[str]()
    twice = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if said.count(line) > 1:
            twice.set()

    with task("compiling kubernetes", "8 min", say=say, every=0.005) as compiling:
        compiling.note = "312 of 1900 packages"
        assert twice.wait(5), said
    after = len(said)
    assert not threading.Event().wait(0.02)
    assert len(said) == after


def test_of_nested_tasks_the_innermost_speaks() -> None:
    said: list[str] = []
    inner, outer = threading.Event(), threading.Event()

    def say(text: str) -> None:
        said.append(text.partition(":")[0])
        (inner if said[-1] == "inner" else outer).set()

    with task("outer", say=say, every=0.002):
        assert outer.wait(5)
        with task("inner", say=say, every=0.002):
            said.clear()
            assert inner.wait(5)
            # One word of the outer one may have been on its way.
            assert said.count("outer") <= 1
        outer.clear()
        assert outer.wait(5)


def test_what_is_said_is_noted() -> None:
    said: list[str] = []
    mine = Task("bringing the cluster up")
    mine.noting(said.append)("waiting for the nodes")
    assert (said, mine.note) == (["waiting for the nodes"], "waiting for the nodes")


def test_what_a_program_says_is_in_the_log_and_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []
    log = tmp_path / "log"
    logged([sys.executable, "-uc", TALK], log, heard=heard.append)
    assert sorted(heard) == ["one\n", "three\n", "two\n"]
    assert sorted(log.read_text().splitlines()[1:]) == ["one", "three", "two"]
    assert capfd.readouterr() == ("", "")


def test_a_failure_shows_the_end_of_the_log_and_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(CommandError) as failure:
        logged([sys.executable, "-c", "for i in range(99): print('line', i)\nraise SystemExit(3)"], log)
    text = str(failure.value)
    assert text.splitlines()[0] == "  line 59"
    assert text.endswith(f"ended with 3; all that it said is in {log}")


def test_a_failure_is_told_though_another_build_began_the_log_anew(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(CommandError, match=r"  no space left\nsh -c"):
        logged(["sh", "-c", f"rm {log}; echo no space left; exit 1", "sh"], log)


FAKE_GO = """#!/bin/sh
case "$1" in
env) echo go1.26 ;;
list) echo "go: downloading example.com/a v1" >&2; printf "stale: a\\n\\nstale: b\\nstale: c\\n" ;;
build) printf 'example.com/a\\nexample.com/b\\n' >&2
    [ ! -e "$0.fails" ] || { echo "a.go:1: wrong" >&2; exit 1; }
    for out; do case "$last" in -o) break ;; esac; last=$out; done
    for name in coredns server kubectl kubelet; do : >"$out$name"; done
    for name in apiserver controller-manager proxy scheduler; do : >"${out}kube-$name"; done ;;
esac
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a Go that compiles two packages of each module at once."""
    path = tmp_path / "go"
    path.write_text(FAKE_GO)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


@pytest.mark.usefixtures("go")
def test_a_build_of_kubernetes_counts_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[Task] = []

    @contextmanager
    def spied(what: str, usual: str = "", **_: object) -> Iterator[Task]:
        tasks.append(Task(what, usual))
        yield tasks[-1]

    monkeypatch.setattr("deploy.local.build.task", spied)
    said: list[str] = []
    folder = binaries(said.append, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert (folder / "etcd").exists()
    log = tmp_path / "cache/keddah/logs/kubernetes.log"
    assert said[0].endswith(f"8 min on two cores as a rule; what Go says is in {log}")
    assert [(made.what, made.note) for made in tasks] == [
        ("fetching the modules of coredns", "1 modules"),
        ("compiling coredns", "2 of 3 packages"),
        ("fetching the modules of kubernetes", "1 modules"),
        ("compiling kubernetes", "2 of 3 packages"),
    ]


def test_a_failed_build_says_what_go_said_last(go: Path, tmp_path: Path) -> None:
    Path(f"{go}.fails").touch()
    with pytest.raises(BuildError, match=r"a.go:1: wrong\n.*kubernetes.log"):
        binaries(lambda _: None, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
