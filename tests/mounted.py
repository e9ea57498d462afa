"""The serving certificate on a real cluster: mounted by kubelets, and served by each pod."""

from __future__ import annotations

import hashlib
import re
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING

from controller.certificates.certificate import split
from deploy.generate.objects import NAMESPACE
from tests.serving import leaf
from tests.waiting import until

if TYPE_CHECKING:
    from tests.clusters import Cluster

_MOUNTED_SECONDS = 180


def _fingerprint(certificate: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(split(certificate)[0])).hexdigest()


def await_mounted(cluster: Cluster, former: str) -> None:
    """Wait until another certificate than a former one is made, and each pod serves with it or a later."""
    until(lambda: leaf(cluster.rest) not in ("", former), 60)
    wanted = _fingerprint(leaf(cluster.rest))
    seen: set[str] = {wanted}

    def served() -> bool:
        hasten(cluster)
        if now := leaf(cluster.rest):
            seen.add(_fingerprint(now))
        return all(seen & set(loaded(cluster, pod)[-1:]) for pod in pods(cluster))

    until(served, _MOUNTED_SECONDS, partial(logs, cluster), poll=2.0)


def hasten(cluster: Cluster) -> None:
    """Change an annotation of the pods: the kubelet then looks at their volumes, as else every minute."""
    for pod in pods(cluster):
        change = {"metadata": {"annotations": {"keddah.dev/test-looked-at": str(time.monotonic())}}}
        cluster.rest.merge("Pod", NAMESPACE, pod, change)


def pods(cluster: Cluster) -> list[str]:
    """Name the pods of the admission server."""
    return [pod["metadata"]["name"] for pod in cluster.operator_pods("webhooks")]


def loaded(cluster: Cluster, pod: str) -> list[str]:
    """Return the fingerprints of what a pod has served with so far, the present one last."""
    log = cluster("--namespace", NAMESPACE, "logs", pod).out
    return re.findall(r"Loaded the serving pair sha256=([0-9a-f]+)", log)


def logs(cluster: Cluster) -> str:
    """Give what they have logged."""
    return "\n".join(cluster("--namespace", NAMESPACE, "logs", pod).out for pod in pods(cluster))
