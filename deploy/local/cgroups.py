"""Control groups of nodes: one below the root for each, so that no kubelet sees another's pods."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from deploy.local.processes import kill, wait_until

_ROOT = Path("/sys/fs/cgroup")
_EMPTY_SECONDS = 20.0
_INHERITED = (
    "cpuset.cpus",
    "cpuset.mems",
)  # empty in a new group of cgroup v1, which then accepts no process


def name(cluster: str, node: str) -> str:
    """Name a node's control group, as a path below the root."""
    return f"/keddah-{cluster}-{node}"


def _hierarchies() -> list[Path]:
    if (_ROOT / "cgroup.controllers").exists():
        return [_ROOT]
    return [path for path in _ROOT.iterdir() if path.is_dir() and not path.is_symlink()]


def create(group: str) -> None:
    """Make the control group in every hierarchy of the machine (the one of cgroup v2, the many of v1)."""
    for hierarchy in _hierarchies():
        folder = hierarchy / group.strip("/")
        folder.mkdir(exist_ok=True)
        for file in _INHERITED:
            if (folder / file).exists() and not (folder / file).read_text().strip():
                (folder / file).write_text((hierarchy / file).read_text())
        _delegate(hierarchy)


def _delegate(hierarchy: Path) -> None:
    controllers = hierarchy / "cgroup.controllers"
    if hierarchy == _ROOT and controllers.exists():
        wanted = " ".join(f"+{controller}" for controller in controllers.read_text().split())
        (hierarchy / "cgroup.subtree_control").write_text(wanted)


def _folders(group: str) -> list[Path]:
    """List the group's folders in all hierarchies, the deepest first.

    Containers end meanwhile, and their folders with them: os.walk passes over those, Path.rglob raises.
    """
    tops = [hierarchy / group.strip("/") for hierarchy in _hierarchies()]
    return [Path(folder) for top in tops for folder, _, _ in os.walk(top, topdown=False)]


def members(group: str) -> set[int]:
    """List the processes in the group and all below it."""
    found: set[int] = set()
    for folder in _folders(group):
        try:
            found.update(map(int, (folder / "cgroup.procs").read_text().split()))
        except OSError as error:
            # ENODEV: the group was removed between the opening of its file and the read.
            if error.errno not in {errno.ENOENT, errno.ENODEV}:
                raise
    return found


def remove(group: str) -> None:
    """Kill all processes in the group, and remove it."""
    wait_until(lambda: not _kill_members(group), f"the end of the processes in {group}", _EMPTY_SECONDS)
    wait_until(lambda: _remove_folders(group), f"the removal of {group}", _EMPTY_SECONDS)


def _kill_members(group: str) -> set[int]:
    found = members(group)
    kill(found)
    return found


def _remove_folders(group: str) -> bool:
    for folder in _folders(group):
        try:
            folder.rmdir()
        except OSError:
            # A group can be removed only a moment after its last process is gone.
            time.sleep(0.01)
    return not _folders(group)


def with_prefix(prefix: str) -> set[str]:
    """List the groups below the root whose name begins so."""
    return {
        f"/{path.name}" for hierarchy in _hierarchies() for path in hierarchy.glob(f"{prefix.strip('/')}*")
    }
