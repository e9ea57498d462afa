"""What keddah asks of Patroni about its server; Patroni itself, which only the image has, is played here."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from deploy.images.patroni.procfs import ProcessState, process_state

NAME = "deploy.images.patroni.server"


class Process:
    """Patroni's PostmasterProcess, as far as it is used."""

    at: dict[str, int]
    """The process ids, by the data directory."""
    killed: list[int]

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @classmethod
    def from_pidfile(cls, folder: str) -> Process | None:
        """Find it by the file that it wrote."""
        return cls.from_pid(cls.at.get(folder, 0))

    @classmethod
    def from_pid(cls, pid: int) -> Process | None:
        """Find it by its number."""
        return cls(pid) if pid in cls.at.values() else None

    def signal_kill(self) -> bool:
        """Kill it, and all its children."""
        self.killed.append(self.pid)
        return True


@pytest.fixture
def asleep() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        while process_state(process.pid) is None:
            time.sleep(0.001)
        yield process.pid
        process.kill()


@pytest.fixture
def patroni(asleep: int) -> Any:  # noqa: ANN401 - Patroni is played here
    Process.at, Process.killed = {"/data": asleep}, []
    pool = SimpleNamespace(conn_kwargs={"host": "/run/postgresql", "port": "5432"})
    postgresql = SimpleNamespace(data_dir="/data", state="running", bootstrapping=False, connection_pool=pool)
    ha = SimpleNamespace(is_paused=lambda: False, failsafe_is_active=lambda: False)
    return SimpleNamespace(postgresql=postgresql, ha=ha)


@pytest.fixture
def server(patroni: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ANN401
    postmaster = ModuleType("patroni.postgresql.postmaster")
    vars(postmaster).update(PostmasterProcess=Process)
    for module in (ModuleType("patroni"), ModuleType("patroni.postgresql"), postmaster):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    yield importlib.import_module(NAME).PatroniServer(patroni)
    sys.modules.pop(NAME, None)


def test_the_server_is_asked_where_patroni_asks_it(server: Any, asleep: int) -> None:  # noqa: ANN401
    assert server.address == "/run/postgresql/.s.PGSQL.5432"
    assert server.pid() == asleep


def test_a_server_that_runs_owes_an_answer(server: Any, asleep: int) -> None:  # noqa: ANN401
    assert server.postmaster_state().pid == asleep


@pytest.mark.parametrize(
    "state", ["starting", "stopping", "stopped", "restarting", "crashed", "creating replica", "start failed"]
)
def test_a_server_that_patroni_does_not_take_for_running_owes_none(
    server: Any,  # noqa: ANN401
    patroni: Any,  # noqa: ANN401
    state: str,
) -> None:
    patroni.postgresql.state = state
    assert server.postmaster_state() is None


def test_a_server_that_is_being_made_owes_none(server: Any, patroni: Any) -> None:  # noqa: ANN401
    patroni.postgresql.bootstrapping = True
    assert server.postmaster_state() is None


@pytest.mark.parametrize("why", ["is_paused", "failsafe_is_active"])
def test_a_server_that_patroni_would_not_replace_owes_none(server: Any, patroni: Any, why: str) -> None:  # noqa: ANN401
    setattr(patroni.ha, why, lambda: True)
    assert server.postmaster_state() is None


def test_where_no_server_is_none_owes_an_answer(server: Any) -> None:  # noqa: ANN401
    Process.at = {}
    assert (server.pid(), server.postmaster_state()) == (None, None)


def test_a_silent_server_is_killed_with_its_backends(server: Any, asleep: int) -> None:  # noqa: ANN401
    server.kill(ProcessState(asleep, "T", 1))
    assert Process.killed == [asleep]


def test_a_server_that_has_ended_meanwhile_is_nobody_to_kill(server: Any) -> None:  # noqa: ANN401
    server.kill(ProcessState(os.getpid(), "T", 1))
    assert Process.killed == []
