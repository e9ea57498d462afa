"""What is looked at after a test on a cluster has failed: its namespace goes with it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.clusters import OPERATOR, Cluster

FOLDER = Path("build/failures")
_CONTROLLERS = "app.kubernetes.io/component=controller"
_SECONDS = 20


def operator(cluster: Cluster) -> str:
    """Give the state of keddah's own pods, and the end of the controllers' logs."""
    system = ("--namespace", OPERATOR)
    pods = _said(cluster, *system, "get", "pods")
    return pods + _said(cluster, *system, "logs", "-l", _CONTROLLERS, "--tail=15", "--prefix")


def kept(cluster: Cluster, test: str, namespaces: Iterable[str]) -> str:
    """Write the pods, events, ConfigMaps and logs of these namespaces to a folder of this test; name it."""
    folder = FOLDER / re.sub(r"[^\w.-]+", "-", test.rpartition("/")[2])
    folder.mkdir(parents=True, exist_ok=True)
    for namespace in namespaces:
        within = ("--namespace", namespace)
        for what in ("pods", "events", "configmaps"):
            (folder / f"{namespace}.{what}.yaml").write_text(
                _said(cluster, *within, "get", what, "-o", "yaml")
            )
        listed = _said(cluster, *within, "get", "pods", "-o", "name").split()
        for pod in (each for each in listed if each.startswith("pod/")):
            log = _said(cluster, *within, "logs", pod, "--all-containers", "--prefix", "--timestamps")
            (folder / f"{namespace}.{pod.rpartition('/')[2]}.log").write_text(log)
    return str(folder)


def _said(cluster: Cluster, *arguments: str) -> str:
    """Give what kubectl said; a node that is off, or no API server, must not end the whole run."""
    try:
        done = cluster(*arguments, seconds=_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer in {_SECONDS} s\n"
    return done.out or done.err
