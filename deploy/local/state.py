"""The state folder of a cluster, and the record of how it was created."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
# sockaddr_un holds 108 bytes; the longest socket below a state folder takes this many after the folder.
_SOCKET_TAIL = len("/nodes/node-60/kubelet/device-plugins/kubelet.sock")
_SOCKET_MAX = 107

_POLL_SECONDS = 0.1
_SAY_SECONDS = 10.0


class StateError(Exception):
    """An invalid request: a bad name, a path that is too long, a cluster that does not exist."""


@dataclass(frozen=True)
class Record:
    """The parameters of a cluster; written before anything else, so that `down` always finds them."""

    index: int
    nodes: int


@dataclass(frozen=True)
class StateFolder:
    """The folder of one cluster. Paths only; nothing is created by asking for one."""

    path: Path

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.path.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.path / "kubeconfig"

    @property
    def logs(self) -> Path:
        """The logs, one file for each process; `down` keeps them."""
        return self.path / "logs"

    @property
    def pids(self) -> Path:
        """The pid files, one for each process."""
        return self.path / "pids"

    @property
    def pki(self) -> Path:
        """Certificates, keys and the kubeconfigs of the components."""
        return self.path / "pki"

    @property
    def namespaces(self) -> Path:
        """The mount namespaces of the nodes, bound to files."""
        return self.path / "namespaces"

    @property
    def volumes(self) -> Path:
        """The image files of the persistent volumes, and below each node's folder where they are mounted."""
        return self.path / "volumes"

    def node(self, node: str) -> Path:
        """Return the folder of one node."""
        return self.path / "nodes" / node

    @property
    def _record(self) -> Path:
        return self.path / "cluster.json"

    def read(self) -> Record | None:
        """Read the record; None when there is no such cluster."""
        try:
            return Record(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            return None

    def write(self, record: Record) -> None:
        """Write the record, in one step."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self._record, json.dumps(asdict(record)))


def write_atomically(path: Path, text: str) -> None:
    """Replace a file atomically."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def write_if_changed(path: Path, text: str) -> None:
    """Write a file unless its content is the same: kube-proxy exits when its configuration is rewritten."""
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; it is released when its holder dies.

    Says at once, and then every ten seconds, that another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        began, said = time.monotonic(), 0
        while not _acquired(file):
            waited = time.monotonic() - began
            if waited >= said * _SAY_SECONDS:
                said += 1
                print(f"waiting for another process, which holds {path}: {waited:.0f} s", file=sys.stderr)
            time.sleep(_POLL_SECONDS)
        yield


def _acquired(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def state_root(environment: Mapping[str, str]) -> Path:
    """Return the folder that the clusters' folders are in."""
    return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "keddah"


def cache_root(environment: Mapping[str, str]) -> Path:
    """Return the folder of what can be made again: binaries and unpacked images."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keddah"


def cluster_folder(name: str, environment: Mapping[str, str]) -> StateFolder:
    """Return the folder of the cluster with this name. Raises StateError for a name that cannot be one."""
    if not NAME.fullmatch(name):
        raise StateError(f"name: got {name!r}; allowed are up to 30 of a-z, 0-9 and -, a letter first")
    folder = StateFolder(state_root(environment) / name)
    if len(os.fsencode(folder.path)) + _SOCKET_TAIL > _SOCKET_MAX:
        raise StateError(
            f"{folder.path} is too long for sockets below it; set XDG_STATE_HOME to a shorter folder"
        )
    return folder


def taken_indices(root: Path) -> dict[str, int]:
    """Return the index of every cluster that has a record, by name."""
    folders = [StateFolder(record.parent) for record in root.glob("*/cluster.json")]
    records = {folder.name: folder.read() for folder in folders}
    return {name: record.index for name, record in records.items() if record}
