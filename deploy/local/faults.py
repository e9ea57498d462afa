"""Fault injection: network partitions, power loss of a node, outages of the API server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import cgroups, mounts, network
from deploy.local.build import binaries
from deploy.local.cluster import CONTROL_PLANE, Cluster
from deploy.local.processes import Processes, kill, run, wait_until
from deploy.local.state import StateError

if TYPE_CHECKING:
    from deploy.local.node import Node
    from deploy.local.state import StateFolder

_SECONDS = 20.0
_API_SERVER = "kube-apiserver"
# Lost with the power. What containers wrote, and pulled images, are on disk.
_VOLATILE = ("containerd-state", "private/run/containerd")


def set_node_link(state: StateFolder, node: str, link: str) -> None:
    """Cut a node off the network (`down`) or connect it again (`up`). Raises StateError, CommandError.

    The node and its pods go on running; they reach each other, and nothing else.
    """
    record = state.read()
    if not record or node not in {f"node-{number}" for number in range(1, record.nodes + 1)}:
        raise StateError(f"{state.name} has no node {node!r}")
    network.set_link(network.namespace(state.name, CONTROL_PLANE), node, link)


def power_off(state: StateFolder, node: str) -> None:
    """Power a node off: first its link, so that no connection is closed in order, then all of its processes.

    Raises StateError, CommandError, NotReadyError.
    """
    set_node_link(state, node, "down")
    wait_until(lambda: not _kill_processes(state, node), f"the end of the processes of {node}", _SECONDS)


def power_on(state: StateFolder, node: str) -> None:
    """Start a node again that was powered off; its kubelet then restarts what it is to run.

    Raises StateError, BuildError, CommandError, NotReadyError.
    """
    set_node_link(state, node, "up")
    cluster = _cluster(state)
    _start(cluster, next(one for one in cluster.nodes if one.name == node))
    # The node may have been deleted meanwhile; in other clusters a DaemonSet starts kube-proxy again.
    cluster.start_proxy()


def stop_api_server(state: StateFolder) -> None:
    """Kill the API server: connections are refused from now on. Raises NotReadyError."""
    Processes(state.pids, state.logs).stop([_API_SERVER])


def start_api_server(state: StateFolder) -> None:
    """Start the API server again, and return when it is ready.

    Raises StateError, BuildError, CommandError, NotReadyError.
    """
    cluster = _cluster(state)
    cluster.start_control_plane()
    wait_until(lambda: cluster.client.healthy("/readyz"), "the API server", 60)


def _cluster(state: StateFolder) -> Cluster:
    record = state.read()
    if not record:
        raise StateError(f"there is no cluster {state.name}")
    return Cluster(state, record, binaries(lambda _: None))


def _start(cluster: Cluster, node: Node) -> None:
    _forget(cluster.state, node)
    # Its disk is complete, so nothing is copied from a template.
    cluster.start_containerd(node, node.folder)
    cluster.start_kubelet(node)


def _forget(state: StateFolder, node: Node) -> None:
    """Remove what a power loss removes: the containers' mounts and namespaces, and the content of /run."""
    folders = [node.folder / name for name in _VOLATILE]
    script = "\n".join(
        f"awk -v f='{folder}/' 'index($2, f) == 1 {{print $2}}' /proc/self/mounts"
        " | tac | xargs --no-run-if-empty umount --lazy\n"
        f"find '{folder}' -xdev -mindepth 1 -delete"
        for folder in folders
        if folder.is_dir()
    )
    run(*mounts.entering(state.namespaces / node.name), "sh", "-e", text=script)


def _kill_processes(state: StateFolder, node: str) -> set[int]:
    """Kill the node's programs, by their network namespace, and its pods, by their control group."""
    space = network.namespace_file(network.namespace(state.name, node)).stat().st_ino
    programs = {
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _is_in(path, space)
    }
    found = programs | cgroups.members(cgroups.name(state.name, node))
    kill(found)
    return found


def _is_in(process: Path, space: int) -> bool:
    try:
        return (process / "ns" / "net").stat().st_ino == space
    except OSError:  # gone meanwhile, or no permission
        return False
