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


OPERATOR = Target("operator", ("requirements/operator.txt", "schemas", "webhooks", "controller"))
POSTGRES = Target(
    "postgres",
    (
        "requirements/patroni.txt",
        "deploy/images/backup",
        "deploy/images/patroni",
        "deploy/images/postgres",
        "controller/__init__.py",
        "controller/protocol",
        "controller/sessions.py",
    ),
)
TARGETS = {target.name: target for target in (OPERATOR, POSTGRES)}


def snapshot(target: Target, checkout: Path, folder: Path) -> None:
    """Copy what an image is made of, so that what is edited meanwhile cannot mix two states."""
    for name in (*_COMMON, *target.paths):
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
