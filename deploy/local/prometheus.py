"""Prometheus and promtool, as Debian packages them, without installing the package.

What its package does besides, a user and a service that is started, nobody here wants: the two programs need
nothing but the C library, so the archive is unpacked into the cache.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy.local.processes import CommandError
from deploy.local.state import cache_root, locked
from deploy.progress import log_file, logged, task

PROGRAMS: Final = ("prometheus", "promtool")
_PACKAGE: Final = "prometheus"


class PrometheusError(Exception):
    """The programs cannot be had from here; the message says what would help."""


def prometheus(say: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of both programs: the machine's own, else unpacked once. Raises PrometheusError."""
    own = [shutil.which(program, path=environment.get("PATH")) for program in PROGRAMS]
    if own[0] and own[1]:
        return Path(own[0]).parent
    folder = cache_root(environment) / "bin" / _PACKAGE
    if folder.is_dir():
        return folder
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            _unpack(folder, log_file(_PACKAGE, environment), say)
    return folder


def _unpack(folder: Path, log: Path, say: Callable[[str], None]) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PrometheusError(f"{tool} is not on the PATH: install Prometheus, with promtool, by hand")
    log.unlink(missing_ok=True)
    say(f"fetching Debian's package {_PACKAGE}, once for this machine; what apt says is in {log}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        try:
            with task(f"fetching {_PACKAGE}", "some seconds", say=say):
                _download(log, Path(temporary))
                [archive] = Path(temporary).glob("*.deb")
                logged(["dpkg-deb", "-x", archive, f"{temporary}/root"], log)
        except (CommandError, ValueError) as error:
            raise PrometheusError(f"Debian's package {_PACKAGE} cannot be had: {error}") from None
        programs = Path(temporary) / "root/usr/bin"
        programs.chmod(0o755)
        programs.rename(folder)


def _download(log: Path, folder: Path) -> None:
    """Fetch the archive; a machine whose package lists are empty gets them first, which takes root."""
    try:
        logged(["apt-get", "download", "-q", _PACKAGE], log, cwd=folder)
    except CommandError:
        if os.geteuid() != 0:
            raise
        logged(["apt-get", "update", "-q"], log)
        logged(["apt-get", "download", "-q", _PACKAGE], log, cwd=folder)
