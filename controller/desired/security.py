"""What every pod and container of a database gives up, for Pod Security `restricted`."""

from __future__ import annotations

from typing import Final

from controller.kube.objects import Manifest

USER: Final = 999
"""User and group `postgres` of the image, to whom the files on all volumes belong."""


def pod_security() -> Manifest:
    """Return a pod's securityContext."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Manifest:
    """Return a container's securityContext."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
