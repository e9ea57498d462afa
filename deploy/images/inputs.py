"""What an image is made of: the files, and the key that changes when one of them does."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMMON = ("Dockerfile", "deploy/images/dpkg.cfg")


@dataclass(frozen=True)
class Target:
    """A target of the Dockerfile, and the files and folders that it copies, in the checkout."""

    name: str
    paths: tuple[str, ...]

    @property
    def image(self) -> str:
        """Return the image's name, without registry and tag."""
        return f"keddah-{self.name}"

    @property
    def all_paths(self) -> tuple[str, ...]:
        """Return its files and folders with those that all targets are made of."""
        return (*_COMMON, *self.paths)


OPERATOR = Target("operator", ("requirements/operator.txt", "schemas", "webhooks", "controller"))
_DATABASE = (
    "requirements/patroni.txt",
    "deploy/images/backup",
    "deploy/images/exporter",
    "deploy/images/log",
    "deploy/images/patroni",
    "deploy/images/postgres",
    "controller/__init__.py",
    "controller/desired/__init__.py",
    "controller/desired/exporter",
    "controller/protocol",
    "controller/sessions.py",
    "schemas/__init__.py",
    "schemas/formatter.py",
    "schemas/records.py",
)
POSTGRES = Target("postgres", _DATABASE)
EXTENSIONS = Target("postgres-extensions", _DATABASE)
"""The database's image with the extensions that would make the usual one twice as large."""
DATABASES = {target.name: target for target in (POSTGRES, EXTENSIONS)}
"""The targets of which a catalogue's databases can run one."""
TARGETS = {target.name: target for target in (OPERATOR, POSTGRES, EXTENSIONS)}
USUAL = (OPERATOR.name, POSTGRES.name)
"""What is built unless somebody names the targets."""


def snapshot(target: Target, checkout: Path, folder: Path) -> None:
    """Copy what an image is made of, so that what is edited meanwhile cannot mix two states."""
    for name in target.all_paths:
        source, copy = checkout / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy)


def key(folder: Path, base: str) -> str:
    """Return twelve hexadecimal digits that tell this content on this base from any other."""
    digest = hashlib.sha256(base.encode())
    for path in _files(folder):
        content = path.read_bytes()
        executable = path.stat().st_mode & 0o100
        digest.update(f"\0{path.relative_to(folder)}\0{executable}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
