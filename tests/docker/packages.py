"""Programs of Debian's packages, unpacked into the cache: an installed package would start its service."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Final

from deploy.local.state import cache_root, locked
from deploy.progress import log_file, logged, task, to_standard_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PACKAGES: Final = ("docker.io", "docker-registry", "tini")
NEEDED: Final = ("containerd", "runc", "iptables", "iproute2")
"""What these programs call, which deploy/local needs too and so is installed."""


def programs(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder with dockerd, docker and docker-registry. Raises CommandError."""
    folder = cache_root(environment) / "bin" / "docker"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            _unpack(folder, log_file("docker", environment))
    return folder


def _unpack(folder: Path, log: Path) -> None:
    to_standard_error(f"fetching {', '.join(_PACKAGES)}, once for this machine; what apt says is in {log}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        parts, made = folder.parent / temporary, folder.parent / temporary / "made"
        made.mkdir(mode=0o755)
        with task("fetching Docker", "ten seconds"):
            # apt's own user could not write there, and apt says so each time.
            logged(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *_PACKAGES], log, cwd=parts)
            for archive in parts.glob("*.deb"):
                logged(["dpkg-deb", "-x", archive, parts / "root"], log)
        for program in [*parts.glob("root/usr/bin/*"), *parts.glob("root/usr/sbin/*")]:
            program.rename(made / program.name)
        made.rename(folder)
