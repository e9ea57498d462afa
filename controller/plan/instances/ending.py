"""What is said of pods that should be gone and are not yet."""

from __future__ import annotations

from collections.abc import Collection

from controller.observe.state import Instance, ObservedState


def ending(instances: Collection[Instance], observed: ObservedState) -> str:
    """Name the pods that are waited for, and the nodes that report no end of theirs."""
    message = f"waiting for {', '.join(i.name for i in instances)} to stop"
    nodes = {i.node: observed.nodes.get(i.node) for i in instances}
    lost = sorted(name for name, node in nodes.items() if node is not None and not node.ready)
    if not lost:
        return message
    return (
        f"{message}; not Ready: {', '.join(lost)}. Kubernetes keeps their pods until the node is back or is"
        " deleted (kubectl delete node)"
    )
