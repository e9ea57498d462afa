"""What is no fault but wanted: the primary leaves its node, all instances restart, another minor version."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests import policies
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
    """Have the policy's catalogue name another image of the same release."""
    before = scene.database.uids()
    policies.upgrade(scene.database.cluster, MAJOR)
    _until_rolled(scene, before)
    yield


def _until_rolled(scene: Scene, before: dict[str, str]) -> None:
    scene.until_made_anew(before, ROLLING_SECONDS)
    until(lambda: scene.database.uids().keys() == before.keys(), ROLLING_SECONDS, scene.database.story, 0.5)
