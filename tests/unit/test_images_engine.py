from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from deploy.images import engine, origin
from deploy.images.engine import Buildah, Docker, EngineError, choose
from deploy.images.origin import Origin
from deploy.local.processes import CommandError

ORIGIN = Origin("2026-11", "linux/arm64", 0)
_BUILDAH = """#!/bin/sh
verb=$7
echo "$verb" >>"{folder}/verbs"
echo "$*" >>"{folder}/calls"
case $verb in
images) echo localhost/debian-arm64-0:trixie-slim sha256:abc ;;
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
    return Buildah(tmp_path / "containers", ORIGIN)


_DOCKER = """#!/bin/sh
echo "$*" >>"{folder}/calls"
echo "$1 $DOCKER_BUILDKIT" >>"{folder}/builders"
case $1 in
pull) {pulling} ;;
image) echo debian@sha256:abc ;;
esac
"""


@pytest.mark.parametrize(
    ("pulling", "base", "named"),
    [("true", "debian@sha256:abc", True), ("exit 1", "debian:trixie-slim", False)],
)
def test_docker_builds_on_the_base_that_its_registry_has_now_or_on_what_is_here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pulling: str,
    base: str,
    named: bool,  # noqa: FBT001 - a case
) -> None:
    program = tmp_path / "docker"
    program.write_text(_DOCKER.format(folder=tmp_path, pulling=pulling))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    Docker(ORIGIN).build(tmp_path, "operator", "name", {}, {"of": "it"})
    (call,) = (line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("build "))
    assert call.startswith("build --platform linux/arm64 --target labelled --tag name ")
    assert f"--build-arg BASE={base} --build-arg SOURCE_DATE_EPOCH=0" in call
    stage = (tmp_path / "Dockerfile").read_text()
    assert stage.startswith('\nFROM operator AS labelled\nLABEL of="it"')
    assert ('base.digest="sha256:abc"' in stage) == named
    # Docker before 23 has secrets in the builder that it uses when it is asked to, and nowhere else.
    assert "build 1" in (tmp_path / "builders").read_text().splitlines()


def verbs(tmp_path: Path) -> list[str]:
    return (tmp_path / "verbs").read_text().split()


def test_a_build_begins_and_ends_without_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buildah(tmp_path, monkeypatch).build(tmp_path, "operator", "name", {}, {"of": "it"})
    assert verbs(tmp_path) == ["rm", "images", "bud", "rm"]


def test_a_failed_build_leaves_no_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError):
        buildah(tmp_path, monkeypatch, failing="bud").build(tmp_path, "operator", "name", {}, {"of": "it"})
    assert verbs(tmp_path)[-2:] == ["bud", "rm"]


def test_a_failed_script_leaves_no_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError):
        buildah(tmp_path, monkeypatch, failing="run").run("name", "false")
    assert verbs(tmp_path) == ["rm", "from", "run", "rm"]


def test_nothing_of_the_moment_or_the_machine_is_in_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buildah(tmp_path, monkeypatch).build(tmp_path, "operator", "name", {}, {"of": "it"})
    (call,) = (line for line in (tmp_path / "calls").read_text().splitlines() if " bud " in line)
    given = call.partition(" bud ")[2]
    assert "--timestamp 0 --identity-label=false" in given
    assert "--build-arg SOURCE_DATE_EPOCH=0" in given


def test_an_image_is_built_for_its_platform_on_a_base_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buildah(tmp_path, monkeypatch).build(tmp_path, "operator", "name", {}, {"of": "it"})
    (call,) = (line for line in (tmp_path / "calls").read_text().splitlines() if " bud " in line)
    base = "localhost/debian-arm64-0:trixie-slim"
    assert f"--platform linux/arm64 --layers --target labelled --build-arg BASE={base}" in call
    assert "--annotation=org.opencontainers.image.base.digest=sha256:abc" in call


def test_an_image_whose_labels_alone_changed_is_another_to_the_builders_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buildah(tmp_path, monkeypatch).build(tmp_path, "operator", "name", {}, {"of": "it"})
    assert (tmp_path / "Dockerfile").read_text() == (
        '\nFROM operator AS labelled\nLABEL of="it" '
        'org.opencontainers.image.base.name="localhost/debian-arm64-0:trixie-slim" '
        'org.opencontainers.image.base.digest="sha256:abc"\n'
    )


def test_another_platform_is_built_where_an_emulator_runs_its_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "_EMULATORS", tmp_path)
    monkeypatch.setattr(origin, "native", lambda: "linux/amd64")
    assert Origin("2026-11", "linux/amd64", 0).runs
    assert not ORIGIN.runs
    monkeypatch.setattr(engine, "docker_answers", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/it")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(EngineError, match="nothing runs its programs here; apt-get install"):
        choose(tmp_path, ORIGIN)
    (tmp_path / "qemu-aarch64").touch()
    assert choose(tmp_path, ORIGIN) == Buildah(tmp_path / "containers", ORIGIN)
