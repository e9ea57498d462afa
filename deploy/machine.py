"""What a Debian machine needs for a local Kubernetes and for images without Docker."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from deploy.images.engine import PACKAGES as IMAGE_PACKAGES

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
    say(f"Installing {' '.join(missing)}")
    _apt("update", "-q")
    _apt("install", "-qy", "--no-install-recommends", *missing)


def _installed(package: str) -> bool:
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    return answer.stdout == "installed"


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(["apt-get", *arguments], check=False, env=environment)
    if result.returncode != 0:
        raise MachineError(f"apt-get {' '.join(arguments)} failed")
