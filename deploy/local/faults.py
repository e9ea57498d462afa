"""Faults that a test can cause: what a real cluster suffers from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.local import network
from deploy.local.cluster import CONTROL_PLANE
from deploy.local.state import StateError

if TYPE_CHECKING:
    from deploy.local.state import StateFolder


def set_node_link(state: StateFolder, node: str, link: str) -> None:
    """Cut a node off the network (`down`) or connect it again (`up`). Raises StateError, CommandError.

    The node and its pods go on running; they reach each other, and nothing else.
    """
    record = state.read()
    if not record or node not in {f"node-{number}" for number in range(1, record.nodes + 1)}:
        raise StateError(f"{state.name} has no node {node!r}")
    network.set_link(network.namespace(state.name, CONTROL_PLANE), node, link)
