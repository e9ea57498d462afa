from __future__ import annotations

from pathlib import Path

import pytest

from deploy.images.engine import Buildah
from deploy.local.processes import CommandError

_BUILDAH = """#!/bin/sh
verb=$7
echo "$verb" >>"{folder}/verbs"
case $verb in
images) echo localhost/debian:trixie-slim ;;
from) echo working-container ;;
{failing}) exit 1 ;;
esac
"""


def buildah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, failing: str = "nothing") -> Buildah:
    """Put a program in the place of buildah that writes down what it was to do."""
    program = tmp_path / "buildah"
    program.write_text(_BUILDAH.format(folder=tmp_path, failing=failing))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Buildah(tmp_path / "containers", "2026-11")


def verbs(tmp_path: Path) -> list[str]:
    return (tmp_path / "verbs").read_text().split()


def test_a_build_begins_and_ends_without_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buildah(tmp_path, monkeypatch).build(tmp_path, "operator", "name", {})
    assert verbs(tmp_path) == ["rm", "images", "bud", "rm"]


def test_a_failed_build_leaves_no_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError):
        buildah(tmp_path, monkeypatch, failing="bud").build(tmp_path, "operator", "name", {})
    assert verbs(tmp_path)[-2:] == ["bud", "rm"]


def test_a_failed_script_leaves_no_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError):
        buildah(tmp_path, monkeypatch, failing="run").run("name", "false")
    assert verbs(tmp_path) == ["rm", "from", "run", "rm"]
