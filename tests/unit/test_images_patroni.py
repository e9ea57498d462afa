from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from deploy.images.patroni.handover import KEPT_SECONDS, InterruptibleTime, Label
from deploy.images.patroni.postmaster import LOOK_SECONDS, until_ended, watch


class EnoughError(Exception):
    """The test has seen what it wanted."""


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_server_has_ended_when_it_is_reaped(server: subprocess.Popen[bytes]) -> None:
    server.kill()
    paused = []

    def reap(seconds: float) -> None:
        paused.append(seconds)
        server.wait()

    until_ended(server.pid, reap)
    assert len(paused) == 1


def test_where_the_sandbox_forbids_to_wait_the_server_is_looked_at(
    server: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", forbidden)

    def end(_: float) -> None:
        server.kill()
        server.wait()

    until_ended(server.pid, end)
    assert server.returncode


def test_patroni_is_woken_once_for_each_server_that_ended(server: subprocess.Popen[bytes]) -> None:
    server.kill()
    server.wait()
    found = iter([None, server.pid, None, server.pid])
    told: list[str | float] = []

    def pause(seconds: float) -> None:
        told.append(seconds)
        if len(told) == 6:
            raise EnoughError

    with pytest.raises(EnoughError):
        watch(lambda: next(found), lambda: told.append("wake"), pause)
    assert told == [LOOK_SECONDS, "wake", LOOK_SECONDS, LOOK_SECONDS, "wake", LOOK_SECONDS]


def test_a_primary_that_was_stopped_keeps_its_label_until_another_has_it() -> None:
    label = Label()
    assert not label.kept(stopped=False, taken=False, now=0)
    assert label.kept(stopped=True, taken=False, now=1)
    assert label.kept(stopped=True, taken=False, now=2)
    assert not label.kept(stopped=True, taken=True, now=3)


def test_a_primary_without_a_successor_keeps_its_label_for_a_moment_only() -> None:
    label = Label()
    assert label.kept(stopped=True, taken=False, now=1)
    assert not label.kept(stopped=True, taken=False, now=1 + KEPT_SECONDS)
    assert not label.kept(stopped=True, taken=False, now=2 + KEPT_SECONDS)


def test_a_server_that_runs_again_may_be_stopped_again() -> None:
    label = Label()
    assert label.kept(stopped=True, taken=False, now=1)
    assert not label.kept(stopped=False, taken=False, now=2)
    assert label.kept(stopped=True, taken=False, now=100)


class Seconds:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds


@pytest.mark.parametrize(
    ("asked", "succeeds_at", "slept"),
    [(2, 0.0, 0.0), (2, 0.2, 0.2), (2, 9.0, 2.0), (1, 0.0, 0.25), (3, 0.0, 3.0)],
)
def test_patroni_waits_for_a_successor_until_there_is_one_and_for_all_else_as_ever(
    monkeypatch: pytest.MonkeyPatch, asked: float, succeeds_at: float, slept: float
) -> None:
    seconds = Seconds(monkeypatch)
    InterruptibleTime(lambda: seconds.now >= succeeds_at).sleep(asked)
    assert seconds.now == pytest.approx(slept, abs=0.06)


def test_what_else_patroni_asks_of_time_it_gets() -> None:
    assert InterruptibleTime(lambda: True).time() == pytest.approx(time.time(), abs=5)
