"""Faults that a test can cause: what a real cluster suffers from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import cgroups, network
from deploy.local.build import binaries
from deploy.local.cluster import CONTROL_PLANE, Cluster
from deploy.local.node import Node
from deploy.local.processes import kill, wait_until
from deploy.local.state import StateError

if TYPE_CHECKING:
    from deploy.local.state import StateFolder

_SECONDS = 20.0


def set_node_link(state: StateFolder, node: str, link: str) -> None:
    """Cut a node off the network (`down`) or connect it again (`up`). Raises StateError, CommandError.

    The node and its pods go on running; they reach each other, and nothing else.
    """
    record = state.read()
    if not record or node not in {f"node-{number}" for number in range(1, record.nodes + 1)}:
        raise StateError(f"{state.name} has no node {node!r}")
    network.set_link(network.namespace(state.name, CONTROL_PLANE), node, link)


def power_off(state: StateFolder, node: str) -> None:
    """End a node at once: its link first, so that nobody is told of the end, then all of its processes.

    Raises StateError, CommandError, NotReadyError.
    """
    set_node_link(state, node, "down")
    wait_until(lambda: not _kill_processes(state, node), f"the end of the processes of {node}", _SECONDS)


def power_on(state: StateFolder, node: str) -> None:
    """Start a node again that was powered off; its kubelet then restarts what it is to run.

    Raises StateError, BuildError, CommandError.
    """
    set_node_link(state, node, "up")
    record = state.read()
    if record:
        cluster = Cluster(state, record, binaries(lambda _: None))
        found = next(one for one in cluster.nodes if one.name == node)
        _start(cluster, found)


def _start(cluster: Cluster, node: Node) -> None:
    # What is in its disk is there already, so that nothing is copied from any template.
    cluster.start_containerd(node, node.folder)
    cluster.start_kubelet(node)


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
    except OSError:  # gone meanwhile, or not ours to look at
        return False
