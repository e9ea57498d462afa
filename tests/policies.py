"""The policy of a cluster's keddah: changed while it runs, as those who run the cluster do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import yaml

from tests.clusters import OPERATOR, Cluster
from tests.rest import Object
from tests.waiting import until

Policy: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[Policy], None]

_NAME = "keddah-policy"


@contextmanager
def changing(cluster: Cluster) -> Iterator[Callable[[Edit], None]]:
    """Give a way to change the policy, each time from what it was; it is put right again in the end."""
    before = _text(cluster)

    def change(edit: Edit) -> None:
        policy = yaml.safe_load(before)
        edit(policy)
        _write(cluster, yaml.safe_dump(policy))

    try:
        yield change
    finally:
        _write(cluster, before)


def current(cluster: Cluster) -> Policy:
    """Read the policy."""
    policy: Policy = yaml.safe_load(_text(cluster))
    return policy


def upgrade(cluster: Cluster, major: str) -> str:
    """Give a major's newest release the other name of its image, for good; gives that name.

    Databases of that major, all over the cluster, follow it as to a newer minor.
    """
    policy = current(cluster)
    entry = release(policy, major)
    entry["image"] = other_name(cluster, entry["image"])
    _write(cluster, yaml.safe_dump(policy))
    return str(entry["image"])


def release(policy: Policy, major: str) -> dict[str, Any]:
    """Give the entry of the catalogue for a major version."""
    found: dict[str, Any] = next(r for r in policy["catalogue"] if r["version"].startswith(f"{major}."))
    return found


def other_name(cluster: Cluster, image: str) -> str:
    """Give another name under which every node has this image: to a catalogue it is another image.

    Archives of `deploy.images` have each image under two names (`deploy.images.build.Built`).
    """
    names = set.intersection(*(_namesakes(node, image) for node in cluster.rest.list("Node")))
    assert names, f"the nodes have {image} under no other name"
    return min(names)


def _namesakes(node: Object, image: str) -> set[str]:
    found = (set(each["names"]) for each in node["status"]["images"] if image in each["names"])
    return {name for names in found for name in names if name != image and "@" not in name}


def _text(cluster: Cluster) -> str:
    found = cluster.rest.get("ConfigMap", OPERATOR, _NAME)
    assert found
    return str(found["data"]["policy.yaml"])


def _write(cluster: Cluster, text: str) -> None:
    """Write a policy, and return when the leader and the webhooks go by it, or have refused it."""
    if yaml.safe_load(text) == current(cluster):
        return
    asked = [cluster.leader(), *(pod["metadata"]["name"] for pod in cluster.operator_pods("webhooks"))]
    before = {pod: _answers(cluster, pod) for pod in asked}
    cluster.rest.merge("ConfigMap", OPERATOR, _NAME, {"data": {"policy.yaml": text}}).expect()
    bring(cluster)
    # Else a database that is made next begins with the one before, and is rolled out to this one meanwhile.
    until(lambda: all(_answers(cluster, pod) > before[pod] for pod in asked), 120, lambda: asked, 1.0)


def _answers(cluster: Cluster, pod: str) -> int:
    told = cluster.good("--namespace", OPERATOR, "logs", pod)
    return told.count("Read the policy again") + told.count("Refused the new policy")


def bring(cluster: Cluster) -> None:
    """Have keddah's pods get a changed policy soon: the kubelet brings it when it next looks at a pod."""
    # A changed pod makes it look now.
    touched = {"metadata": {"annotations": {"keddah.dev/touched": datetime.now(tz=UTC).isoformat()}}}
    for component in ("controller", "webhooks"):
        for pod in cluster.operator_pods(component):
            cluster.rest.merge("Pod", OPERATOR, pod["metadata"]["name"], touched).expect()
