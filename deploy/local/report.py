"""The status of a cluster: its processes, and which of its nodes are Ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.local.kube import ApiError

if TYPE_CHECKING:
    from deploy.local.cluster import Cluster


def report(cluster: Cluster) -> bool:
    """Print a line for each process and each node; return whether all run and are Ready."""
    try:
        ready = cluster.ready_nodes()
    except (ApiError, OSError) as error:
        print(f"{'API server':34} {error}")
        ready = set()
    processes = {name: cluster.processes.pid(name) for name in cluster.processes.names()}
    for name, pid in processes.items():
        print(f"{name:34} {f'running, process {pid}' if pid else f'dead, see {cluster.processes.log(name)}'}")
    for node in cluster.nodes:
        print(f"{node.name:34} {'Ready' if node.name in ready else 'not Ready'}, {node.address}, {node.zone}")
    return bool(processes) and all(processes.values()) and all(node.name in ready for node in cluster.nodes)
