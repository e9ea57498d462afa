"""What a database is busy with when a fault strikes: an idle one hides most faults."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.processes import run
from tests.laboratory.scene import Scene

ROWS = 6_000_000
TABLE = "bulk"
LEAD_SECONDS = 8.0
"""For which the load has run when the fault strikes."""
_STATEMENT = f"INSERT INTO {TABLE} SELECT n, repeat('x', 256) FROM generate_series(1, {ROWS}) AS n"  # noqa: S608
_LINK = ("tbf", "rate", "24mbit", "burst", "64kbit", "latency", "400ms")
"""Slower than the load makes WAL: both standbys are some hundred MiB behind when the fault strikes."""


@contextmanager
def idle(_: Scene) -> Iterator[None]:
    """Nothing besides the application's rows."""
    yield


@contextmanager
def bulk_load(scene: Scene) -> Iterator[None]:
    """Load rows in one transaction on the primary, which the fault may break."""
    database = scene.database
    inside = ("exec", database.primary(), "--container=postgres", "--")
    command = ("kubectl", "--namespace", database.namespace, *inside, "psql", "-Xd", "app", "-c", _STATEMENT)
    with subprocess.Popen(
        command, env=database.cluster.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as load:
        try:
            time.sleep(LEAD_SECONDS)
            assert load.poll() is None, "the load was over before the fault"
            yield
        finally:
            load.kill()


@contextmanager
def over_slow_link(scene: Scene) -> Iterator[None]:
    """Load rows where the primary's node sends slowly."""
    inside = scene.ground.inside(scene.primary()["spec"]["nodeName"])
    run(*inside, "tc", "qdisc", "add", "dev", "eth0", "root", *_LINK)
    try:
        with bulk_load(scene):
            yield
    finally:
        run(*inside, "tc", "qdisc", "del", "dev", "eth0", "root")
