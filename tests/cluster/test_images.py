from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from deploy.images.engine import Buildah, docker_answers
from deploy.images.origin import Origin, native
from deploy.local.processes import CommandError, run

pytestmark = pytest.mark.own_cluster("builds an image on this machine")

_ORIGIN = Origin("2026-11", native(), 0)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("buildah") or docker_answers(), reason="Docker builds images here"
)
def test_a_build_that_fails_leaves_no_mount(tmp_path: Path) -> None:
    folder = tmp_path / "containers" / _ORIGIN.month
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL of=base\n")
    places = ("--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "overlay")
    run(
        "buildah", *places, "bud", "--tag", f"localhost/debian-{_ORIGIN.architecture}-0:trixie-slim", tmp_path
    )
    (tmp_path / "Dockerfile").write_text('ARG BASE\nFROM $BASE AS empty\nRUN ["/absent"]\n')
    with pytest.raises(CommandError):
        Buildah(tmp_path / "containers", _ORIGIN).build(tmp_path, "empty", "localhost/empty", {}, {})
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
