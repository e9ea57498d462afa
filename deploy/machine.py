"""What a Debian machine needs for a local Kubernetes and for images without Docker."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deploy.images.engine import PACKAGES as IMAGE_PACKAGES
from deploy.local.processes import CommandError
from deploy.progress import Task, log_file, logged, task

PACKAGES = (
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "gcc",
    "iproute2",
    "iptables",
    "libc6-dev",
    "mount",
    "runc",
    "util-linux",
    "xfsprogs",
    *IMAGE_PACKAGES,
)


_WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")
_WATCHERS_NEEDED = 512
"""A cluster of three nodes takes about 36 inotify instances, and Linux gives a user 128 of them."""


class MachineError(Exception):
    """Something is missing that cannot be installed from here; the message says what."""


def prepare(say: Callable[[str], None]) -> None:
    """Install the packages that are missing; raises MachineError where that takes somebody else.

    A machine that is no Debian is left to the checks of those who need the programs.
    """
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        return
    missing = [package for package in PACKAGES if not _installed(package)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise MachineError(f"not installed: {' '.join(missing)}; as root, apt-get install them")
    log = log_file("apt")
    log.unlink(missing_ok=True)
    say(f"installing {' '.join(missing)}; what apt says is in {log}")
    try:
        with task("installing packages", "one or two minutes", say=say) as installing:
            _apt(log, installing, "update", "-q")
            _apt(log, installing, "install", "-qy", "--no-install-recommends", *missing)
    except CommandError as error:
        raise MachineError(str(error)) from None


def make_room(say: Callable[[str], None], limit: Path = _WATCHERS) -> None:
    """Let several local clusters run side by side, until the machine starts anew.

    Where the limit may not be changed, a kubelet of the last cluster says that there are too many open files.
    """
    try:
        before = int(limit.read_text())
        if before < _WATCHERS_NEEDED:
            limit.write_text(f"{_WATCHERS_NEEDED}\n")
            say(f"fs.inotify.max_user_instances: {before} -> {_WATCHERS_NEEDED}, for clusters side by side")
    except OSError as error:
        say(f"fs.inotify.max_user_instances stays as it is: {error}")


def _installed(package: str) -> bool:
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    return answer.stdout == "installed"


def _apt(log: Path, installing: Task, *arguments: str) -> None:
    def heard(line: str) -> None:
        if line.startswith(("Get:", "Unpacking ", "Setting up ")):
            installing.note = " ".join(line.split()[:2])

    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    logged(["apt-get", *arguments], log, heard=heard, environment=environment)
