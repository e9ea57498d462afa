"""Which cluster the demo and the tests use, and which they may take away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from deploy import demo, target
from deploy.target import Existing, Kind, Local, choose


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the folder of clusters of a machine without Docker on which everything is built."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(target, "docker_answers", lambda: False)
    monkeypatch.setattr(target, "_prepare", lambda _: None)
    monkeypatch.setattr(target, "local_binaries", lambda: "/opt/kubernetes")
    return tmp_path / "keddah"


def say(_: str) -> None:
    """Say nothing."""


@pytest.mark.parametrize("form", ["{}", "{}:/root/.kube/config", "{}/../kubeconfig"])
def test_the_kubeconfig_that_the_demo_asks_to_export_is_its_own(
    state: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    unset = choose(say)
    written = unset.environment["KUBECONFIG"]
    assert written == str(state / "keddah" / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", form.format(written))
    exported = choose(say)
    assert exported == unset
    assert isinstance(exported, Local)
    assert not exported.stays


def test_a_kubeconfig_of_the_users_is_the_users(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/root/.kube/config", str(state / "kubeconfig"), str(state / "keddah" / "admin.conf")):
        monkeypatch.setenv("KUBECONFIG", path)
        assert isinstance(choose(say), Existing)


@pytest.mark.usefixtures("state")
def test_another_cluster_that_was_made_here_is_used_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv("KUBECONFIG", choose(say, name="mine").environment["KUBECONFIG"])
    monkeypatch.setattr(target, "run", lambda command, _=None: pytest.fail(str(command)))
    chosen = choose(said.append)
    assert (type(chosen), chosen.name, chosen.builds_images) == (Local, "mine", True)
    chosen.down()
    assert said == ["mine stays: `python -m deploy.local down --name mine` takes it away"]


def test_tests_leave_every_exported_kubeconfig_alone(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(state / "keddah" / "kubeconfig"))
    chosen = choose(say, name="test", own=True)
    assert isinstance(chosen, Local)
    assert (chosen.name, chosen.stays) == ("test", False)
    assert chosen.environment["KUBECONFIG"] == str(state / "test" / "kubeconfig")


def test_a_cluster_that_is_up_is_kept_to_when_docker_comes(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "docker_answers", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    assert isinstance(choose(say), Kind)
    (state / "keddah").mkdir(parents=True)
    (state / "keddah" / "cluster.json").write_text(json.dumps({"index": 0, "nodes": 3}))
    assert isinstance(choose(say), Local)


@pytest.mark.usefixtures("state")
def test_to_take_it_away_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(target, "_prepare", lambda _: pytest.fail("prepared"))
    monkeypatch.setattr(target, "local_binaries", lambda: pytest.fail("built"))
    monkeypatch.setattr(target, "run", lambda command, _=None: commands.append(list(command)))
    monkeypatch.setenv("KUBECONFIG", choose(say, use=False).environment["KUBECONFIG"])
    assert demo.main(["down"]) == 0
    assert [command[1:] for command in commands] == [["-m", "deploy.local", "down", "--name", "keddah"]]
    assert os.environ["KUBECONFIG"].endswith("/keddah/kubeconfig")


@pytest.mark.parametrize(
    ("given", "make"), [("/mnt/my state", "XDG_STATE_HOME='/mnt/my state' make"), ("", "make")]
)
@pytest.mark.usefixtures("state")
def test_what_ends_the_demo_finds_the_cluster_from_another_shell(
    given: str, make: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", given)
    demo.print_usage(choose(say), say)
    assert capsys.readouterr().out.endswith(f"\nTo end it:\n  {make} demo-down\n")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_demo", interrupted)
    assert demo.main([]) == 130
    assert f"`{make} demo` goes on from here, `{make} demo-down` takes" in capsys.readouterr().out
