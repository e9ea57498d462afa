"""The operator's namespace."""

from __future__ import annotations

from controller.kube.objects import Manifest
from deploy.generate.objects import NAMESPACE, labels


def namespace() -> Manifest:
    """Return the namespace, in which Pod Security admits nothing but `restricted` pods."""
    modes = ("enforce", "audit", "warn")
    security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels() | security},
    }
