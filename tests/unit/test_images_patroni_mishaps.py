"""A member notices the crash of a server's process, and kills for lack of memory, each once."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.images.patroni import mishaps, procfs
from deploy.images.patroni.mishaps import Mishaps, Recoveries

NOON = 1795953600.0
UPTIME = 5000.0
NOBODY = 2**22 + 1
"""More than any process has as its number."""


@contextmanager
def postmaster(*titles: str) -> Iterator[int]:
    """Give a process with children of these titles."""
    script = "".join(f"(exec -a '{title}' sleep 60) & " for title in titles)
    with subprocess.Popen(["bash", "-c", f"{script}wait"], process_group=0) as process:
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, 9)


def until_child(pid: int, role: str) -> int:
    for _ in range(200):
        if (found := procfs.child(pid, role)) is not None:
            return found
        time.sleep(0.01)
    raise AssertionError(role)


def test_a_process_started_when_its_clock_says() -> None:
    with postmaster("postgres: orders: walwriter") as pid:
        started = procfs.started(pid)
    assert started is not None
    assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - started < 60
    assert procfs.started(NOBODY) is None


def test_a_child_is_found_by_the_end_of_its_title() -> None:
    titles = ("postgres: orders: app checkpointer 10.0.0.1(1) idle", "postgres: orders: checkpointer ")
    with postmaster(*titles) as pid:
        found = until_child(pid, "checkpointer")
        assert Path(f"/proc/{found}/cmdline").read_text().startswith("postgres: orders: checkpointer")
        assert procfs.child(pid, "walwriter") is None


def test_a_checkpointer_as_old_as_its_server_tells_of_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    with postmaster("postgres: orders: checkpointer") as pid:
        child = until_child(pid, "checkpointer")
        assert Recoveries().last(pid) is None
        began = procfs.started(pid) or 0.0
        monkeypatch.setattr(procfs, "started", lambda asked: began + 60 if asked == child else began)
        assert Recoveries().last(pid) == began + 60
    assert Recoveries().last(NOBODY) is None


def test_a_crash_in_the_first_seconds_of_a_server_is_told_by_its_second_checkpointer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = {1: 100.0, 2: 100.1}
    monkeypatch.setattr(procfs, "child", lambda _pid, _role: 2)
    monkeypatch.setattr(procfs, "started", started.get)
    recoveries = Recoveries()
    assert recoveries.last(1) is None
    started[2] = 102.0
    assert recoveries.last(1) == recoveries.last(1) == 102.0
    # Another server's checkpointer is its first.
    started.update({1: 200.0, 2: 200.1})
    assert recoveries.last(1) is None


def test_a_recovery_is_told_once_with_the_time_when_it_began() -> None:
    found = Mishaps()
    assert not found.changed(None, 0, NOON, UPTIME)
    assert found.changed(UPTIME - 2, 0, NOON, UPTIME)
    assert found.crashed == "2026-11-29T11:59:58Z"
    # However the clocks drift it is the same one; nor does a new server make it undone.
    assert not found.changed(UPTIME - 2, 0, NOON + 100.7, UPTIME + 100)
    assert not found.changed(None, 0, NOON + 200, UPTIME + 200)
    assert found.changed(UPTIME + 300, 0, NOON + 301, UPTIME + 301)
    assert (found.crashed, found.killed) == ("2026-11-29T12:05:00Z", "")


def test_kills_are_told_from_the_first_look_on() -> None:
    found = Mishaps()
    assert not found.changed(None, 3, NOON, UPTIME)
    assert not found.changed(None, None, NOON + 1, UPTIME + 1)
    assert not found.changed(None, 3, NOON + 2, UPTIME + 2)
    assert found.changed(None, 4, NOON + 3, UPTIME + 3)
    assert (found.crashed, found.killed) == ("", "2026-11-29T12:00:03Z")
    assert not found.changed(None, 4, NOON + 4, UPTIME + 4)


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", 7),
        ("oom_kill_disable 0\nunder_oom 0\n", None),
        ("oom_kill many\n", None),
    ],
)
def test_kills_are_counted_in_either_version_of_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, count: int | None
) -> None:
    (tmp_path / "events").write_text(content)
    monkeypatch.setattr(mishaps, "_MEMORY_EVENTS", (str(tmp_path / "none"), str(tmp_path / "events")))
    assert mishaps.kills() == count


class EnoughError(Exception):
    """The test has seen what it wanted."""


def test_the_member_is_woken_at_each_news(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([0, 0, 1, 1, 2])
    monkeypatch.setattr(mishaps, "kills", lambda: next(counts))
    woken: list[int] = []
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 5:
            raise EnoughError

    clocks = (lambda: NOON + len(looks), lambda: UPTIME + len(looks))
    with pytest.raises(EnoughError):
        mishaps.watch(Mishaps(), lambda: None, lambda: woken.append(len(looks)), clocks, pause)
    assert woken == [2, 4]
    assert set(looks) == {mishaps.LOOK_SECONDS}
