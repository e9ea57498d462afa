"""Prometheus' own discovery of Kubernetes, with the rights of an account that only sees pods."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.rest import Object, Rest, path

_ACCOUNT: Final = "prometheus"
_MONITORING: Final = "monitoring"
_RIGHTS: Final = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
"""What docs/how-to/monitoring.md says that its account needs."""


def discovering(jobs: list[Object], kubeconfig: Path) -> list[Object]:
    """Have the discovery of jobs ask the API server as that user; in a pod it would be the pod's account."""
    return [
        {
            **job,
            "kubernetes_sd_configs": [
                {**each, "kubeconfig_file": str(kubeconfig)} for each in job["kubernetes_sd_configs"]
            ],
        }
        for job in jobs
    ]


def account(rest: Rest) -> str:
    """Make an account with the rights that Prometheus needs, and no others; return a token of its."""
    rbac = "rbac.authorization.k8s.io"
    where = {"name": _ACCOUNT, "namespace": _MONITORING}
    made: list[Object] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _MONITORING}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": _ACCOUNT},
            "rules": [_RIGHTS],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": _ACCOUNT},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": _ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", **where}],
        },
    ]
    for each in made:
        rest.apply(each).expect()
    asked: Object = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 7200},
    }
    answer = rest.send("POST", path("ServiceAccount", _MONITORING, _ACCOUNT, "token"), asked)
    return str(answer.expect()["status"]["token"])
