"""Annotations by which Kubernetes itself changes a pod, or used to (ValidatePodSpecificAnnotations)."""

from __future__ import annotations

import re

CONTAINER = "postgres"
"""The container that runs the database, as the controller names it."""

_UNREAD = ("container.seccomp.security.alpha.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_INSTEAD = {
    "kubernetes.io/config.mirror": "is the kubelet's own; leave it out",
    "scheduler.alpha.kubernetes.io/tolerations": "is not read any more; use spec.template.tolerations",
}
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_INT32 = re.compile(r"0|-?[1-9][0-9]{0,9}")


def problem(key: str, value: str) -> str | None:
    """Say why the API server would refuse a pod with this annotation, None where it would not."""
    if key in _INSTEAD:
        return _INSTEAD[key]
    if key.startswith(_UNREAD):
        return "is not read any more, and pods have the profile RuntimeDefault; leave it out"
    if key.startswith(_APPARMOR):
        return _apparmor_problem(key.removeprefix(_APPARMOR), value)
    if key == _DELETION_COST and not (_INT32.fullmatch(value) and -(2**31) <= int(value) < 2**31):
        return "must be a whole number of 32 bits"
    return None


def _apparmor_problem(container: str, profile: str) -> str | None:
    if container != CONTAINER:
        return f"must name the container {CONTAINER}: {_APPARMOR}{CONTAINER}"
    if profile != "runtime/default" and not profile.startswith("localhost/"):
        return "must be runtime/default or localhost/PROFILE"
    return None
