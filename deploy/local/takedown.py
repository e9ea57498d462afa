"""Removal of a cluster: its processes, control groups, mounts, namespaces, links, loop devices, files.

Nothing here trusts that `up` ended well: each step looks for what is there, and finds nothing when it is
done again.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import cgroups, mounts, network
from deploy.local.addresses import AddressPlan
from deploy.local.processes import Processes, kill, run, wait_until

if TYPE_CHECKING:
    from deploy.local.state import StateFolder

_SECONDS = 20.0


def take_down(state: StateFolder) -> None:
    """Remove all of the cluster but its logs. Raises CommandError, NotReadyError."""
    record = state.read()
    processes = Processes(state.pids, state.logs)
    processes.stop(processes.names())
    wait_until(lambda: not _kill_members(state.name), "the end of the processes in the namespaces", _SECONDS)
    for group in cgroups.with_prefix(cgroups.name(state.name, "node-")):
        if group.removeprefix(cgroups.name(state.name, "node-")).isdigit():
            cgroups.remove(group)
    mounts.unmount_below(state.path)
    network.remove(state.name, AddressPlan(record.index) if record else None)
    wait_until(lambda: not _detach(state.volumes), "the release of the loop devices", _SECONDS)
    _remove_files(state)


def _kill_members(cluster: str) -> set[int]:
    """Kill what is in the cluster's network namespaces; pods are in others, and go with their groups."""
    spaces = {file.stat().st_ino for file in network.namespaces(cluster)}
    found = {
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _is_in(path, spaces)
    }
    kill(found)
    return found


def _is_in(process: Path, spaces: set[int]) -> bool:
    try:
        return (process / "ns" / "net").stat().st_ino in spaces
    except OSError:  # gone meanwhile, or no permission, as for the first process of a sandbox
        return False


def _detach(volumes: Path) -> list[str]:
    """Detach the loop devices of the cluster's volumes; one in use is detached with its last mount."""
    devices = json.loads(run("losetup", "--json", "--list") or '{"loopdevices": []}')["loopdevices"]
    mine = [device["name"] for device in devices if str(device["back-file"]).startswith(f"{volumes}{os.sep}")]
    for device in mine:
        run("losetup", "--detach", device)
    return mine


def _remove_files(state: StateFolder) -> None:
    if not state.path.is_dir():
        return
    for path in state.path.iterdir():
        if path == state.logs:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
