"""What lies under the database: the processes of its pods, and the nodes of the local cluster."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local import cgroups, network
from deploy.local.processes import Processes
from deploy.local.state import StateFolder, cluster_folder
from tests.rest import Object

_LIBC = ctypes.CDLL(None, use_errno=True)
_NETWORK = 0x40000000  # CLONE_NEWNET; os.setns comes with Python 3.12


@dataclass(frozen=True)
class Ground:
    """One local cluster from below."""

    state: StateFolder

    def local(self, command: str, *words: str) -> None:
        """Start programs of the cluster again, in a process of their own: they outlive this one."""
        name = ("--name", self.state.name)
        done = subprocess.run(
            [sys.executable, "-m", "deploy.local", command, *name, *words],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command} {' '.join(words)}: {done.stdout}{done.stderr}"

    def pod(self, pod: Object) -> str:
        """Return the control group that the kubelet gave a pod."""
        quality = pod["status"]["qosClass"].lower()
        above = "kubepods" if quality == "guaranteed" else f"kubepods/{quality}"
        node = cgroups.name(self.state.name, pod["spec"]["nodeName"])
        return f"{node}/{above}/pod{pod['metadata']['uid']}"

    def programs(self, pod: Object) -> set[int]:
        """Return the process ids of all of a pod's containers, whatever the API server knows of them."""
        return {pid for pid in cgroups.members(self.pod(pod)) if _program(pid) != "pause"}

    def container(self, pod: Object, name: str = "postgres") -> set[int]:
        """Return the process ids of a container."""
        statuses = pod["status"].get("containerStatuses") or []
        identity = next((s.get("containerID", "") for s in statuses if s["name"] == name), "")
        _, _, container = identity.rpartition("/")
        assert container, f"{pod['metadata']['name']} has no container {name}"
        return cgroups.members(f"{self.pod(pod)}/{container}")

    def first_process(self, pod: Object, name: str = "postgres") -> int:
        """Return the first process of a container: with it all others end, at once and unasked."""
        found = [pid for pid in self.container(pod, name) if _number_inside(pid) == 1]
        assert len(found) == 1, f"first processes of {pod['metadata']['name']}: {found}"
        return found[0]

    def postmaster(self, pod: Object) -> int:
        """Return the server's first process, the parent of all others."""
        servers = {pid for pid in self.container(pod) if _program(pid) == "postgres"}
        # A backend may have ended since: it has no parent then.
        found = [pid for pid in servers if _parent(pid) not in servers | {0}]
        assert len(found) == 1, f"postmasters of {pod['metadata']['name']}: {found}"
        return found[0]

    def backend(self, pod: Object) -> int:
        """Return a process that serves an application."""
        found = [pid for pid in self.container(pod) if " app app " in _title(pid)]
        assert found, f"{pod['metadata']['name']} serves no application"
        return found[0]

    def api_server(self) -> int:
        """Return the process of the API server."""
        pid = Processes(self.state.pids, self.state.logs).pid("kube-apiserver")
        assert pid, "the API server does not run"
        return pid

    def enter(self, node: str) -> None:
        """Take the calling thread to where a node's pods are; its new sockets are there (setns(2))."""
        with network.namespace_file(network.namespace(self.state.name, node)).open() as namespace:
            if _LIBC.setns(namespace.fileno(), _NETWORK):
                raise OSError(ctypes.get_errno(), f"setns to {namespace.name}")

    def inside(self, node: str) -> tuple[str, ...]:
        """Return the command that runs another one where a node's pods are, whatever its link does."""
        return network.entering(network.namespace(self.state.name, node))


def ground(cluster: str) -> Ground:
    """Return the ground of the local cluster with this name."""
    return Ground(cluster_folder(cluster, os.environ))


def send(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def stopped(pids: set[int]) -> bool:
    """Tell whether none of these processes runs: each is stopped (SIGSTOP) or gone."""
    return all(_field(pid, "State")[:1] in {"", "T", "Z", "X"} for pid in pids)


def gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    return _field(pid, "State")[:1] in {"", "Z", "X"}


def _read(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _field(pid: int, name: str) -> str:
    lines = (line.partition(":") for line in _read(pid, "status").splitlines())
    return next((value.strip() for key, _, value in lines if key == name), "")


def _program(pid: int) -> str:
    return _field(pid, "Name")


def _parent(pid: int) -> int:
    return int(_field(pid, "PPid") or 0)


def _number_inside(pid: int) -> int:
    """Return the process id as its own namespace counts (proc(5), NSpid: the innermost comes last)."""
    return int((_field(pid, "NSpid").split() or ["0"])[-1])


def _title(pid: int) -> str:
    return _read(pid, "cmdline").replace("\0", " ")
