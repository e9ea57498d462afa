"""The base image where no registry can be asked for one: Debian from its own packages, by debootstrap."""

from __future__ import annotations

import os
import shutil
import tarfile
from typing import TYPE_CHECKING, Final

from deploy.images import machine
from deploy.progress import log_file, logged

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.images.origin import Origin

SUITE: Final = "trixie"

# Debian's slim images lack the same (debuerreotype, .slimify-excludes); the rest is apt's cache.
_UNREAD = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
_EMPTIED = ("var/cache", "var/lib/apt/lists", "var/log")


def make_root(folder: Path, origin: Origin) -> None:
    """Fill an empty folder with Debian's smallest system. Takes 40 s; must be root. Raises CommandError."""
    packages, security = machine.debian_mirrors(machine.apt_sources())
    options = ["--variant=minbase", f"--arch={origin.architecture}"]
    # Of the time in the environment are the days on which passwords were last changed (shadow(5)).
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(origin.epoch)}
    command = ["debootstrap", *options, SUITE, str(folder), *([packages] if packages else [])]
    logged(command, log_file("images"), environment=environment)
    for name in _UNREAD:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _EMPTIED:
        shutil.rmtree(folder / name)
        (folder / name).mkdir()
    with (folder / "etc/apt/sources.list").open("a") as sources:
        if packages:
            sources.write(f"deb {packages} {SUITE}-updates main\n")
        if security:
            sources.write(f"deb {security} {SUITE}-security main\n")


def write_context(folder: Path, origin: Origin) -> None:
    """Write the build context of the base image: a tar of the system and a Dockerfile that unpacks it."""
    root = folder / "root"
    root.mkdir()
    make_root(root, origin)
    with tarfile.open(folder / "root.tar", "w") as tar:
        tar.add(root, arcname=".")
    shutil.rmtree(root)
    (folder / "Dockerfile").write_text('FROM scratch\nADD root.tar /\nCMD ["bash"]\n')
