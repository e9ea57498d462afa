"""What is changed on a machine for local clusters: packages, and room for several clusters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from deploy.machine import MachineError, make_room, prepare

if TYPE_CHECKING:
    from pathlib import Path


def test_what_apt_says_is_in_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("apt-get", "echo Get:1 a; exit ${FAILS:-0}"), ("dpkg-query", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said: list[str] = []
    prepare(said.append)
    log = tmp_path / "keddah/logs/apt.log"
    assert len(said) == 1
    assert said[0].endswith(f"what apt says is in {log}")
    assert log.read_text().count("Get:1 a") == 2
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(MachineError, match=f"Get:1 a\n.*{log}"):
        prepare(said.append)


@pytest.mark.parametrize(("before", "after"), [(128, 512), (8192, 8192)])
def test_a_limit_is_raised_and_never_lowered(tmp_path: Path, before: int, after: int) -> None:
    limit, said = tmp_path / "max_user_instances", list[str]()
    limit.write_text(f"{before}\n")
    make_room(said.append, limit)
    assert int(limit.read_text()) == after
    assert len(said) == (before != after)


def test_a_limit_that_may_not_be_changed_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    make_room(said.append, tmp_path / "missing")
    assert "stays as it is" in said[0]
