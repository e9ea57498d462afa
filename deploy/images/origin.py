"""What images are built on: the base, the platform and the time, and the labels that say so."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.generate.objects import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BASE: Final = "debian:trixie-slim"
_PREFIX: Final = "org.opencontainers.image."
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""What a machine says of itself, and what Debian, Go and image indexes call it."""
PLATFORMS: Final = tuple(f"linux/{architecture}" for architecture in _ARCHITECTURES.values())
_EMULATORS: Final = Path("/proc/sys/fs/binfmt_misc")


def native() -> str:
    """Return the platform of this machine, such as `linux/amd64`."""
    machine = platform.machine()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


@dataclass(frozen=True)
class Origin:
    """What images are built on."""

    month: str
    """Such as `2026-11`: a new one brings a new base."""
    platform: str
    """Such as `linux/arm64`; another than the machine's own needs binfmt_misc with qemu."""
    epoch: int
    """When images and all files in them are said to be made, in seconds since 1970."""

    @classmethod
    def of(cls, month: str, environment: Mapping[str, str], platform: str = "") -> Origin:
        """Take the time from SOURCE_DATE_EPOCH; else it is the month's beginning, for all of its builds."""
        beginning = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).timestamp()
        epoch = int(environment.get("SOURCE_DATE_EPOCH") or beginning)
        return cls(month, platform or native(), epoch)

    @property
    def architecture(self) -> str:
        """Return the architecture as Debian calls it, such as `arm64`."""
        return self.platform.removeprefix("linux/")

    @property
    def runs(self) -> bool:
        """Whether this machine can run the platform's programs, by itself or by qemu (binfmt_misc)."""
        emulators = (f"qemu-{name}" for name, other in _ARCHITECTURES.items() if other == self.architecture)
        return self.platform == native() or any((_EMULATORS / name).exists() for name in emulators)

    @property
    def key(self) -> str:
        """Return all that makes another image of the same files, in words."""
        return f"{BASE} {self.month} {self.platform} {self.epoch} {VERSION}"

    @property
    def created(self) -> str:
        """Return the time, as labels and SBOMs write it (RFC 3339)."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def labels(self, revision: str) -> dict[str, str]:
        """Return labels that say where an image is from; the Dockerfile has those that are always true."""
        found = {"version": VERSION, "created": self.created} | ({"revision": revision} if revision else {})
        return {_PREFIX + name: value for name, value in found.items()}


def base_labels(name: str, digest: str) -> dict[str, str]:
    """Return the labels that name the base; a digest that nobody knows is left out."""
    return {f"{_PREFIX}base.name": name} | ({f"{_PREFIX}base.digest": digest} if digest else {})


def revision(checkout: Path, paths: Sequence[str]) -> str:
    """Return the last commit that changed one of the paths, "" if they differ from it or there is no git.

    Not the newest commit: other commits have the same image.
    """
    changed = _git(checkout, "status", "--porcelain", "--", *paths)
    if changed is None or changed:
        return ""
    return _git(checkout, "log", "-1", "--format=%H", "--", *paths) or ""


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout.strip()
