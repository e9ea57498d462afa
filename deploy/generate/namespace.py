"""Where the operator runs, and before whom."""

from __future__ import annotations

from controller.kube.objects import Manifest
from deploy.generate.objects import NAMESPACE, PRIORITY_CLASS, labels

_HIGHEST = 1_000_000_000
"""The most that a class of users may have; above are Kubernetes' own."""


def namespace() -> Manifest:
    """Return the namespace, in which Pod Security admits nothing but `restricted` pods."""
    modes = ("enforce", "audit", "warn")
    security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels() | security},
    }


def priority_class() -> Manifest:
    """Return the class of the operator's pods: on a full node others make room for them.

    Without the admission server nobody can write a database. Kubernetes' own critical classes are refused
    outside of kube-system where a quota reserves them, as on GKE.
    """
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": PRIORITY_CLASS, "labels": labels()},
        "value": _HIGHEST,
        "description": "The PostgreSQL operator keddah: databases cannot be written while it does not run.",
    }
