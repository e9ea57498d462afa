"""What a pod does before Patroni: a volume as the storage drivers give it is made fit, or told."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "images" / "postgres" / "keddah-patroni"
NOBODY = 65534
_AS_ROOT = os.geteuid() == 0


class Pod:
    """A container without Patroni, in which the script runs as a user who is not root."""

    def __init__(self, folder: Path) -> None:
        self.volume, self._ended, self._script = folder / "volume", folder / "ended", folder / "script"
        patroni = folder / "patroni"
        text = SCRIPT.read_text(encoding="utf-8")
        for path, played in (
            ("/var/lib/postgresql", self.volume),
            ("/dev/termination-log", self._ended),
            ("/opt/patroni/bin/python", patroni),
        ):
            assert path in text
            text = text.replace(path, str(played))
        self._script.write_text(text, encoding="utf-8")
        patroni.write_text("#!/bin/sh\necho started\n", encoding="utf-8")
        patroni.chmod(0o755)
        self._ended.touch()
        self._ended.chmod(0o666)
        self.volume.mkdir()
        self.mine(self.volume)

    def mine(self, path: Path) -> None:
        """Give a file to the user of the container."""
        if _AS_ROOT:
            os.chown(path, NOBODY, NOBODY)

    def data(self, mode: int) -> Path:
        """Make a PGDATA of this mode."""
        path = self.volume / "18" / "data"
        path.mkdir(parents=True)
        self.mine(path)
        path.chmod(mode)
        return path

    def start(self) -> tuple[int, str, str]:
        """Return the exit code, what was printed, and what the kubelet reports of the end."""
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _AS_ROOT else {}
        ran = subprocess.run(
            ["/bin/sh", str(self._script), "/etc/patroni/patroni.yml"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **user,  # type: ignore[call-overload]
        )
        return ran.returncode, ran.stdout, self._ended.read_text(encoding="utf-8")


@pytest.fixture
def container() -> Iterator[Pod]:
    """Give the container, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="keddah-start-"))
    folder.chmod(0o755)
    yield Pod(folder)
    shutil.rmtree(folder)


def test_an_empty_volume_of_its_own_is_started_on(container: Pod) -> None:
    assert container.start() == (0, "started\n", "")


@pytest.mark.parametrize("mode", [0o2770, 0o775, 0o700])
def test_data_that_its_group_may_write_is_made_private(container: Pod, mode: int) -> None:
    data = container.data(mode)
    assert container.start() == (0, "started\n", "")
    assert stat.S_IMODE(data.stat().st_mode) & 0o777 == 0o700


def test_a_volume_that_may_not_be_written_is_told_with_its_owner_and_mode(container: Pod) -> None:
    container.volume.chmod(0o555)
    if _AS_ROOT:
        # As a driver that ignores fsGroup leaves it.
        os.chown(container.volume, 0, 0)
        container.volume.chmod(0o755)
    code, said, ended = container.start()
    assert (code, said) == (1, "")
    assert ended.startswith(f"user {NOBODY if _AS_ROOT else os.geteuid()} cannot write to the volume at ")
    assert ("root:root drwxr-xr-x" if _AS_ROOT else "dr-xr-xr-x") in ended
    assert "has to support fsGroup" in ended
    container.volume.chmod(0o755)


@pytest.mark.skipif(not _AS_ROOT, reason="only root can give files away")
def test_data_of_another_user_is_told(container: Pod) -> None:
    data = container.data(0o700)
    os.chown(data, 12345, 12345)
    code, said, ended = container.start()
    assert (code, said) == (1, "")
    assert ended.startswith(f"{data} belongs to UNKNOWN:UNKNOWN drwx------, and PostgreSQL starts only with")
