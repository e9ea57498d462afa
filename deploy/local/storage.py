"""Persistent volumes with an enforced size: XFS in a sparse file, mounted in its node's namespace."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.local import mounts
from deploy.local.processes import CommandError, run
from schemas.kubernetes.quantity import QuantityError, parse

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from deploy.local.kube import Object
    from deploy.local.state import StateFolder

PROVISIONER = "keddah.dev/local"
GROWING_CLASS = "keddah-local"
FIXED_CLASS = "keddah-local-fixed"
MINIMUM = 300 * 1024**2
"""Bytes; mkfs.xfs refuses less."""

INFEASIBLE = "ControllerResizeInfeasible"
"""State of an expansion that is not tried again for the same size (Kubernetes API, ClaimResourceStatus)."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_BLOCK = 512
"""Bytes that st_blocks counts in."""


def bytes_of(quantity: str) -> int:
    """Return a quantity of storage in bytes, at least what a file system needs. Raises ValueError."""
    try:
        return max(MINIMUM, math.ceil(parse(quantity)))
    except QuantityError as error:
        raise QuantityError(f"{quantity!r} {error}") from error


class NoRoomError(Exception):
    """A volume cannot become as large as its claim asks for."""


@dataclass(frozen=True)
class Volume:
    """One volume on disk."""

    state: StateFolder
    node: str
    name: str

    @property
    def file(self) -> Path:
        """The sparse file."""
        return self.state.volumes / f"{self.name}.xfs"

    @property
    def mount_point(self) -> Path:
        """Where it is mounted, in the node's mount namespace only."""
        return self.state.node(self.node) / "volumes" / self.name

    def _in_node(self, *command: str | Path) -> str:
        return run(*mounts.entering(self.state.namespaces / self.node), *command)

    @property
    def mounted(self) -> bool:
        """Whether the node has it mounted."""
        try:
            self._in_node("mountpoint", "--quiet", self.mount_point)
        except CommandError:
            return False
        return True

    def create(self, size: int) -> None:
        """Create and mount it, or complete an interrupted attempt."""
        if not self.file.exists():
            self._format(size)
        if not self.mounted:
            self.mount_point.mkdir(parents=True, exist_ok=True)
            self._in_node("mount", "-o", "loop", self.file, self.mount_point)

    def _format(self, size: int) -> None:
        # A file with its final name is formatted and may have data: never format it again.
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".new")
        with unfinished.open("wb") as file:
            file.truncate(size)
        # A new sparse file is all zeros: there is nothing to discard.
        run("mkfs.xfs", "-q", "-f", "-K", unfinished)
        unfinished.rename(self.file)

    def grow(self, size: int) -> None:
        """Expand it online; raises NoRoomError, unless the disk could hold all of it now."""
        self._check_room(size)
        with self.file.open("r+b") as file:
            file.truncate(max(size, self.file.stat().st_size))
        device = run("losetup", "--associated", self.file, "--noheadings", "--output", "NAME").strip()
        run("losetup", "--set-capacity", device)
        self._in_node("xfs_growfs", self.mount_point)

    def _check_room(self, size: int) -> None:
        held = self.file.stat().st_blocks * _BLOCK
        free = shutil.disk_usage(self.file.parent).free
        if size - held > free:
            needed, free = ((size - held) // 1024**2, free // 1024**2)
            raise NoRoomError(f"no room on the disk of {self.node}: {needed} MiB needed, {free} MiB free")

    def remove(self) -> None:
        """Unmount it and delete the file; missing ones are no error."""
        if self.mounted:
            self._in_node("umount", self.mount_point)
        self.file.unlink(missing_ok=True)
        if self.mount_point.exists():
            self.mount_point.rmdir()


def capacity(quantity: str) -> str:
    """Return the size of a volume for this request: the request itself, in the user's units, or the least."""
    return quantity if bytes_of(quantity) > MINIMUM else f"{MINIMUM // 1024**2}Mi"


def requested(claim: Object) -> str:
    """Return the size that a claim asks for."""
    return str(claim["spec"]["resources"]["requests"]["storage"])


def persistent_volume(claim: Object, node: str, path: Path) -> Object:
    """Return the PersistentVolume of a claim: bound to it from the start, and to its node for good."""
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    only_here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name(claim),
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": capacity(requested(claim))},
            "claimRef": reference,
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
            "volumeMode": "Filesystem",
            # Not hostPath: the kubelet gives a local volume to the pod's fsGroup, a hostPath one never.
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [only_here]}]}},
        },
    }


def volume_name(claim: Object) -> str:
    """Name a claim's volume as Kubernetes' own provisioners do, so that a claim made anew has a new one."""
    return f"pvc-{claim['metadata']['uid']}"


def grown(quantity: str) -> Object:
    """Return the status of a claim whose volume is as large as asked for."""
    nothing_pending = dict.fromkeys(("allocatedResources", "allocatedResourceStatuses", "conditions"))
    return {"capacity": {"storage": capacity(quantity)}, **nothing_pending}


def refused(quantity: str, why: str, now: datetime) -> Object:
    """Return the status of a claim whose volume cannot grow to this size: why, and since when."""
    condition = {
        "type": "ControllerResizeError",
        "status": "True",
        "reason": "VolumeResizeFailed",
        "message": why,
        "lastTransitionTime": now.strftime(_TIME),
    }
    return {
        "allocatedResources": {"storage": quantity},
        "allocatedResourceStatuses": {"storage": INFEASIBLE},
        "conditions": [condition],
    }


def is_refused(claim: Object) -> bool:
    """Whether just the size that a claim asks for was refused; another is tried."""
    status = claim.get("status", {})
    state = (status.get("allocatedResourceStatuses") or {}).get("storage")
    return state == INFEASIBLE and status["allocatedResources"]["storage"] == requested(claim)


def event(claim: Object, reason: str, message: str, now: datetime) -> Object:
    """Return a warning about a claim, as `kubectl describe` shows it."""
    metadata = claim["metadata"]
    names = {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}
    moment = now.strftime(_TIME)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **names},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": PROVISIONER},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
