"""What is looked at after a test on a cluster has failed: its namespace goes with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.clusters import OPERATOR, Cluster

FOLDER = Path("build/failures")
_CONTROLLERS = "app.kubernetes.io/component=controller"


def operator(cluster: Cluster) -> str:
    """Give the state of keddah's own pods, and the end of the controllers' logs."""
    system = ("--namespace", OPERATOR)
    pods = cluster(*system, "get", "pods").out
    return pods + cluster(*system, "logs", "-l", _CONTROLLERS, "--tail=15", "--prefix").out


def kept(cluster: Cluster, test: str, namespaces: Iterable[str]) -> str:
    """Write the pods, events and logs of these namespaces to a folder for this test; return its name."""
    folder = FOLDER / re.sub(r"[^\w.-]+", "-", test.rpartition("/")[2])
    folder.mkdir(parents=True, exist_ok=True)
    for namespace in namespaces:
        within = ("--namespace", namespace)
        for what in ("pods", "events", "configmaps"):
            (folder / f"{namespace}.{what}.yaml").write_text(cluster(*within, "get", what, "-o", "yaml").out)
        for pod in cluster(*within, "get", "pods", "-o", "name").out.split():
            log = cluster(*within, "logs", pod, "--all-containers", "--prefix", "--timestamps")
            (folder / f"{namespace}.{pod.removeprefix('pod/')}.log").write_text(log.out or log.err)
    return str(folder)
