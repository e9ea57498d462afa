"""What is no fault but wanted: the primary leaves its node, all instances restart, another minor version."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import yaml

from tests.clusters import OPERATOR, Cluster
from tests.laboratory.scene import Scene
from tests.waiting import until

ROLLING_SECONDS = 180.0
MAJOR = "18"
"""Of the laboratory's database: not the default, so that an image of its own touches no other database."""


@contextmanager
def switchover(scene: Scene) -> Iterator[None]:
    """Have the primary leave its node, which is cordoned: the controller asks Patroni to switch over."""
    primary = scene.primary()
    scene.kubectl("cordon", primary["spec"]["nodeName"])
    try:
        scene.until_primary_is_not(primary["metadata"]["name"])
        yield
    finally:
        scene.kubectl("uncordon", primary["spec"]["nodeName"])


@contextmanager
def node_drained(scene: Scene) -> Iterator[None]:
    """Drain the primary's node, of this database alone."""
    primary = scene.primary()
    node, identity = primary["spec"]["nodeName"], primary["metadata"]
    try:
        selector = f"--pod-selector=keddah.dev/database={scene.database.name}"
        scene.kubectl("drain", node, selector, "--delete-emptydir-data", "--timeout=100s", seconds=120)
        scene.until_made_anew({identity["name"]: identity["uid"]})
        yield
    finally:
        scene.kubectl("uncordon", node)


@contextmanager
def rolling_restart(scene: Scene) -> Iterator[None]:
    """Change the pods' template."""
    before = scene.database.uids()
    scene.database.change(template={"annotations": {"laboratory": f"{time.monotonic():.0f}"}})
    _until_rolled(scene, before)
    yield


@contextmanager
def minor_upgrade(scene: Scene) -> Iterator[None]:
    """Have the policy's catalogue name another image of the same release.

    Each image that is built here has two names, so another needs no second build and no registry.
    """
    cluster, before = scene.database.cluster, scene.database.uids()
    policy = yaml.safe_load(_policy(cluster))
    for release in policy["catalogue"]:
        if str(release["version"]).startswith(f"{MAJOR}."):
            release["image"] = _other_name(cluster, release["image"])
    _write(cluster, yaml.safe_dump(policy))
    _until_rolled(scene, before)
    yield


def _other_name(cluster: Cluster, image: str) -> str:
    """Return another name that the nodes know an image by."""
    for known in cluster.rest.list("Node")[0]["status"]["images"]:
        if image in known["names"]:
            return next(str(name) for name in known["names"] if name != image and "@" not in name)
    raise AssertionError(f"no node has {image}")


def _until_rolled(scene: Scene, before: dict[str, str]) -> None:
    scene.until_made_anew(before, ROLLING_SECONDS)
    until(lambda: scene.database.uids().keys() == before.keys(), ROLLING_SECONDS, scene.database.story, 0.5)


@contextmanager
def policy_kept(cluster: Cluster) -> Iterator[None]:
    """Put the policy right again afterwards."""
    before = _policy(cluster)
    try:
        yield
    finally:
        if _policy(cluster) != before:
            _write(cluster, before)


def _policy(cluster: Cluster) -> str:
    found = cluster.rest.get("ConfigMap", OPERATOR, "keddah-policy")
    assert found
    return str(found["data"]["policy.yaml"])


def _write(cluster: Cluster, text: str) -> None:
    change: dict[str, Any] = {"data": {"policy.yaml": text}}
    cluster.rest.merge("ConfigMap", OPERATOR, "keddah-policy", change).expect()
    # The kubelet brings a changed ConfigMap when it next looks at the pod; a changed pod makes it look now.
    touched = {"metadata": {"annotations": {"keddah.dev/touched": datetime.now(tz=UTC).isoformat()}}}
    for component in ("controller", "webhooks"):
        for pod in cluster.operator_pods(component):
            cluster.rest.merge("Pod", OPERATOR, pod["metadata"]["name"], touched).expect()
