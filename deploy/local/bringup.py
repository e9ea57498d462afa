"""Brings a cluster up, or what is missing of it, and imports images into it. See also `takedown`."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from deploy.local import images, network
from deploy.local.addresses import MAX_NODES, free_index
from deploy.local.build import binaries
from deploy.local.cluster import CONTROL_PLANE, Cluster, check_machine, remember_images
from deploy.local.state import Record, StateError, StateFolder, cache_root, locked, taken_indices
from deploy.local.takedown import take_down
from deploy.progress import task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path


def up(state: StateFolder, count: int, archives: Sequence[Path], say: Callable[[str], None]) -> Cluster:
    """Start a cluster, or what is missing of it, and return it when its nodes are Ready.

    Raises StateError, BuildError, ImageError, CommandError, NotReadyError.
    """
    check_machine()
    if not 1 <= count <= MAX_NODES:
        raise StateError(f"nodes: got {count}; allowed are 1 to {MAX_NODES}")
    for archive in archives:
        images.archive_identity(archive)  # refuse an unusable one before anything is started
    programs = binaries(say)
    with locked(state.path.with_suffix(".lock")):
        cluster = Cluster(state, _record(state, count, say), programs)
        with (
            task("bringing the cluster up", "a minute", say=say) as rising,
            ThreadPoolExecutor(max_workers=1) as background,
        ):
            say = rising.noting(say)
            template = background.submit(images.template, cache_root(os.environ), archives, say)
            say(f"starting the control plane at {cluster.plan.control_plane}")
            cluster.start_control_plane()
            _start_nodes(cluster, template, archives, say)
    return cluster


def _start_nodes(
    cluster: Cluster, template: Future[Path], archives: Sequence[Path], say: Callable[[str], None]
) -> None:
    fresh = [node for node in cluster.nodes if not (node.folder / "containerd").exists()]
    for node in cluster.nodes:
        cluster.start_containerd(node, template.result())
    for node in fresh:
        remember_images(node, archives)
    say("waiting for the API server")
    cluster.start_controllers()
    with ThreadPoolExecutor() as workers:
        list(workers.map(cluster.start_kubelet, cluster.nodes))
    load(cluster, archives, say)
    say("waiting for the nodes")
    cluster.wait_for_nodes()


def load(cluster: Cluster, archives: Sequence[Path], say: Callable[[str], None]) -> None:
    """Import archives on every node that does not have them, all nodes at once."""
    with ThreadPoolExecutor() as workers:
        counts = list(workers.map(lambda node: cluster.import_missing(node, archives), cluster.nodes))
    if any(counts):
        say(f"imported {max(counts)} archives on {sum(map(bool, counts))} nodes")


def _record(state: StateFolder, count: int, say: Callable[[str], None]) -> Record:
    """Return the cluster's record: the existing one, or a new one with a free index."""
    before = state.read()
    lives = network.namespace_file(network.namespace(state.name, CONTROL_PLANE)).exists()
    if before and not lives:
        say("clearing away what a restart of the machine left")
        take_down(state)
        before = None
    if not before:
        shutil.rmtree(state.logs, ignore_errors=True)
    if before and count < before.nodes:
        raise StateError(f"{state.name} has {before.nodes} nodes: take it down to have {count}")
    with locked(state.path.parent / "indices.lock"):
        index = before.index if before else _new_index(state)
        record = Record(index=index, nodes=count)
        state.write(record)
    return record


def _new_index(state: StateFolder) -> int:
    return free_index(taken_indices(state.path.parent).values(), network.host_routes())
