"""A pod of somebody who is not of any database: with psql and Python, under Pod Security `restricted`."""

from __future__ import annotations

import yaml

from tests.clusters import OPERATOR, Cluster
from tests.rest import Object

NAME = "client"


def client_pod(cluster: Cluster, namespace: str) -> None:
    """Make the pod, and wait until it runs."""
    cluster.rest.create(_manifest(namespace, _image(cluster))).expect()
    ready = ("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=180s")
    cluster.good("--namespace", namespace, *ready, seconds=190)


def _image(cluster: Cluster) -> str:
    """Give the image of the databases, which is on the nodes already."""
    policy = cluster.rest.get("ConfigMap", OPERATOR, "keddah-policy")
    assert policy
    return str(yaml.safe_load(policy["data"]["policy.yaml"])["catalogue"][0]["image"])


def _manifest(namespace: str, image: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": NAME,
                    "image": image,
                    "command": ["sleep", "86400"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
